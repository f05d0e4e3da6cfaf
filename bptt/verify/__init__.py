"""Is a hand-written gradient right? Oracles that others computed, and how far to trust each."""

from .checker.asserting import assert_gradient_right as assert_gradient_right
from .checker.checking import check as check
from .checker.problem import GradientProblem as GradientProblem
from .checker.problem import Skip as Skip
from .checker.report import Report as Report
from .checker.report import verify as verify
from .checker.search import Settings as Settings
