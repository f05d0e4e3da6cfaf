"""Verify hand-written gradients against independent oracles.

An oracle computes the expected gradient in another way: by autograd, by the complex step, or by
central differences, each with an estimate of its own error. `GradientProblem` describes a loss with
its gradient, `BackwardProblem` a function with its own backward pass.
"""

from .backward.problem import BackwardProblem as BackwardProblem
from .backward.verifying import assert_backward_right as assert_backward_right
from .backward.verifying import verify_backward as verify_backward
from .certify.certifying import certify_gradient as certify_gradient
from .certify.gradient_certificate import GradientCertificate as GradientCertificate
from .checker.asserting import assert_gradient_right as assert_gradient_right
from .checker.checking import check as check
from .checker.problem import GradientProblem as GradientProblem
from .checker.problem import Skip as Skip
from .checker.report.report import Report as Report
from .checker.settings import Settings as Settings
from .checker.verifying import verify as verify
