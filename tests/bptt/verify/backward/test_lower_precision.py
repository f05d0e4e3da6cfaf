"""Lower precisions: rounding passes, a factor of 1 + 2^-6 fails, pure noise gets no verdict."""

from typing import Any

import numpy as np
import pytest
import torch

from bptt.verify import BackwardProblem
from bptt.verify.backward.lower_precision.coarser_dtypes import coarser_dtype
from bptt.verify.backward.lower_precision.comparison import LowerPrecision
from bptt.verify.backward.lower_precision.rounding_bounds import (
    entry_bounds,
    factor_bound,
    student_quantile,
)
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


@pytest.mark.parametrize(("N", "seed"), [(17, 1363790282), (18, 937439253)])
def test_one_input_with_a_large_gradient_makes_no_factor(N: int, seed: int) -> None:
    found = LowerPrecision(families()["accumulated"], "bfloat16", 10.0, 0.1)
    assert found.result([Case({"N": N, "T": 20}, seed)]).verdict != "failed"


@pytest.mark.parametrize(
    ("sizes", "seed"),
    [
        ({"N": 16, "T": 9, "D": 17, "K": 20}, 1510736194),
        ({"N": 15, "T": 23, "D": 17, "K": 21}, 2044752314),
    ],
)
def test_few_disturbances_make_no_wrong_entry(sizes: dict[str, int], seed: int) -> None:
    found = LowerPrecision(families()["causal_convolution"], "bfloat16", 10.0, 0.0)
    assert found.result([Case(sizes, seed)]).verdict == "passed"


def test_large_entry_may_be_off_by_its_last_rounding_whatever_the_disturbances_were() -> None:
    exact = np.array([100.0, *np.ones(1000)])
    computed = np.array([100.0 * (1 + 2.0**-8), *np.ones(1000)])
    bounds = entry_bounds(computed, exact, [exact] * 6, "bfloat16", 2.0**-9)
    assert (np.abs(computed - exact) <= bounds).all()
    assert (bounds[1:] < 0.2).all()


def test_a_factor_is_that_of_more_than_one_input() -> None:
    rng = np.random.default_rng(0)
    exact = [np.array([size]) for size in (100.0, *rng.uniform(0.5, 1.5, 15))]
    of_one = [
        g * factor for g, factor in zip(exact, [0.02, *rng.normal(0, 0.005, 15)], strict=True)
    ]
    assert not factor_bound(of_one, exact, [], "bfloat16", 2.0**-9).is_wrong
    only_one = [exact[0], *(np.zeros(1) for _ in exact[1:])]
    assert factor_bound(of_one, only_one, [], "bfloat16", 2.0**-9).explained == np.inf
    alike = [np.ones(1) for _ in exact]
    of_all = [0.05 * g + rng.normal(0, 0.005) for g in alike]
    assert factor_bound(of_all, alike, [], "bfloat16", 2.0**-9).is_wrong


class Repeated(torch.autograd.Function):
    """Copies one row many times; its gradient is summed in the way that `total` says."""

    @staticmethod
    def forward(ctx: Any, row: torch.Tensor, count: int, total: str) -> torch.Tensor:
        ctx.total = total
        return row.expand(count, -1).clone()

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        total = torch.zeros_like(dy[0])
        if ctx.total == "wide":
            total = total.to(torch.promote_types(dy.dtype, torch.float32))
        if ctx.total == "by index":
            index = torch.zeros(len(dy)).long()
            total = torch.zeros_like(dy[:1]).index_put_((index,), dy, accumulate=True)[0]
            return total, None, None
        for up in dy:
            if ctx.total == "in place":
                total += up
            elif ctx.total == "entry by entry":
                index = torch.arange(len(up))
                total[index] -= -up
            else:
                total = total + up
        return total.to(dy.dtype), None, None


def repeated(count: int, total: str) -> BackwardProblem:
    return BackwardProblem(Repeated.apply, lambda rng, D: (normal(rng, D), count, total))


@pytest.mark.parametrize("total", ["in place", "made anew", "entry by entry", "by index"])
def test_long_sum_in_bfloat16_is_found_with_its_terms(total: str) -> None:
    found = result(repeated(600, total), "bfloat16")
    assert found.verdict == "failed"
    assert "a sum of 600 terms is accumulated in bfloat16: the gradient of row" in found.message
    assert "with totals in float32 by" in found.message


@pytest.mark.parametrize(("count", "total"), [(300, "wide"), (40, "in place"), (40, "made anew")])
@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_sums_in_float32_and_short_sums_pass(count: int, total: str, dtype: str) -> None:
    assert result(repeated(count, total), dtype).verdict == "passed"


def test_expanded_tensors_inside_are_no_obstacle() -> None:
    class Broadcast(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.count = 3
            return x.expand(3, *x.shape).clone()

        @staticmethod
        def backward(ctx, dy):  # pyright: ignore[reportIncompatibleMethodOverride]
            wide = dy.sum(0).expand(ctx.count, *dy.shape[1:])
            return wide[0] + 0 * wide[1:][0] + (wide + 0)[2] - wide[2]

    problem = BackwardProblem(Broadcast.apply, lambda rng, N, D: normal(rng, N, D))
    for dtype in ("bfloat16", "float16"):
        assert result(problem, dtype).verdict == "passed", result(problem, dtype)


class Between(torch.autograd.Function):
    """Multiplies by a scale, whose gradient is rounded to another dtype if its own is `own`."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, scale: torch.Tensor, own: torch.dtype, between: torch.dtype
    ) -> torch.Tensor:
        ctx.save_for_backward(x, scale)
        ctx.own, ctx.between = own, between
        return x * scale

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, scale = ctx.saved_tensors
        d = (dy.to(torch.promote_types(dy.dtype, torch.float32)) * x).sum(0)
        if d.dtype != torch.float64 and x.dtype == ctx.own:
            d = d.to(ctx.between)
        return dy * scale, d.to(x.dtype), None, None


@pytest.mark.parametrize(
    ("own", "between"),
    [("float16", "bfloat16"), ("float32", "bfloat16"), ("float32", "float16")],
)
def test_rounding_to_a_coarser_dtype_in_between_is_found(own: str, between: str) -> None:
    for chosen in (between, own):
        dtypes = getattr(torch, own), getattr(torch, chosen)

        def inputs(rng: np.random.Generator, N: int, D: int, dtypes: Any = dtypes) -> Any:
            return normal(rng, N, D), normal(rng, D), *dtypes

        problem = BackwardProblem(Between.apply, inputs)
        found = result(problem, own)
        assert found.verdict == ("passed" if chosen == own else "failed")
        assert chosen == own or f"scale was rounded to {between} in between" in found.message


def test_entries_that_are_all_alike_say_nothing_about_their_dtype() -> None:
    off_by_one_unit = np.ones(100), np.full(100, 1 + 2.0**-10)
    assert coarser_dtype(*off_by_one_unit, "float16") == ""
    digits = np.arange(100) * 2.0**-10
    assert coarser_dtype(1 + digits // 2.0**-7 * 2.0**-7, 1 + digits, "float16") == "bfloat16"
    assert coarser_dtype(1 + digits, 1 + digits, "float16") == ""


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
