"""Lower precisions: rounding passes, a factor of 1 + 2^-6 fails, pure noise gets no verdict."""

import numpy as np
import pytest
import torch

from bptt.verify import BackwardProblem
from bptt.verify.backward.lower_precision import LowerPrecision
from bptt.verify.backward.rounding_bounds import student_quantile
from bptt.verify.checker.check_result import CheckResult
from bptt.verify.checker.problem import Case

from . import functions
from .rounded_functions import InFloat32, families, normal, planted


def result(problem: BackwardProblem, dtype: str, seed: int = 0) -> CheckResult:
    cases = [
        Case({name: low + k for k, name in enumerate(problem.size_names)}, seed) for low in (2, 17)
    ]
    return LowerPrecision(problem, dtype, 10.0, 1.0).result(cases)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["layer_norm", "cross_entropy", "tempered"])
def test_factor_near_1_is_found_and_rounding_is_not_taken_for_one(name: str, dtype: str) -> None:
    problem = families()[name]
    right = result(problem, dtype)
    assert right.verdict == "passed", right
    assert right.message.startswith("rounding: ")
    wrong = result(planted(problem, 0, 1 + 2**-6), dtype)
    assert wrong.verdict == "failed"
    assert "rounding explains" in wrong.message
    if dtype == "bfloat16":  # in float16, single entries show it too
        assert "has a factor of 1.01" in wrong.message


def test_wrong_entry_is_found_with_its_index_and_a_picture() -> None:
    class OneEntry(InFloat32):
        @staticmethod
        def backward(ctx, dy):  # pyright: ignore[reportIncompatibleMethodOverride]
            dx, dw = InFloat32.backward(ctx, dy)
            if dy.dtype != torch.float64:
                dw[0, 0] = 0
            return dx, dw

    found = result(BackwardProblem(OneEntry.apply, functions.drawn), "bfloat16")
    assert found.verdict == "failed"
    assert "w[0, 0] is 0, exactly" in found.message
    assert found.picture is not None


def test_gradient_that_rounding_makes_meaningless_is_called_ill_conditioned() -> None:
    class Shifted(torch.autograd.Function):
        """A softmax after the same shift of all entries, which has no effect."""

        @staticmethod
        def forward(ctx, x, shift):
            p = torch.softmax(x + shift, -1)
            ctx.save_for_backward(p)
            return p

        @staticmethod
        def backward(ctx, dy):  # pyright: ignore[reportIncompatibleMethodOverride]
            (p,) = ctx.saved_tensors
            d = p * (dy - (dy * p).sum(-1, keepdim=True))
            return d, d.sum(-1, keepdim=True)

    def inputs(rng, N, D):
        return normal(rng, N, D), normal(rng, N, 1)

    found = result(BackwardProblem(Shifted.apply, inputs), "bfloat16")
    assert found.verdict == "ill-conditioned"
    assert "in shift rounding alone can be as large as the gradient" in found.message


def test_overflow_is_no_error_of_the_backward_pass() -> None:
    class Large(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, dy):  # pyright: ignore[reportIncompatibleMethodOverride]
            (x,) = ctx.saved_tensors
            return 2 * (x * 3e5) * dy / 3e5

    found = result(BackwardProblem(Large.apply, lambda rng, N: normal(rng, N)), "float16")
    assert found.verdict == "ill-conditioned"
    assert "overflows" in found.message


def test_numpy_has_no_bfloat16_is_said() -> None:
    found = result(BackwardProblem(functions.pair(), functions.drawn_arrays), "bfloat16")
    assert found.verdict in ("refused", "passed")  # passed with JAX, which brings the dtype


@pytest.mark.parametrize(("freedom", "quantile"), [(15, 9.5), (31, 6.9), (10_000, 5.33)])
def test_quantile_of_student(freedom: int, quantile: float) -> None:
    assert np.isclose(student_quantile(freedom), quantile, rtol=0.02)
