"""order=2: the gradient of the gradient is checked, and a missing one is called missing."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from bptt.errors import InputError
from bptt.verify import Settings, verify_backward
from bptt.verify.checker.check_result import CheckResult

from . import functions

quick = Settings(cases=4, budget=4.0, sizes={"N": (1, 3)})


class Cube(Function):
    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return 3 * x**2 * cotangents[0]


class Forgetful(Cube):
    """Right to first order; to second it takes its square for a constant."""

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return 3 * (x**2).detach() * cotangents[0]


class Once(Cube):
    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *cotangents: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        (x,) = ctx.saved_tensors
        return 3 * x**2 * cotangents[0]


class InNumpy(Cube):
    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        return torch.tensor(3 * x.detach().numpy() ** 2 * cotangents[0].detach().numpy())


def of_second_order(function: Any, **options: Any) -> CheckResult:
    report = verify_backward(
        function,
        lambda rng, N: torch.tensor(rng.standard_normal(N)),
        settings=quick,
        race_seconds=0.0,
        dtypes=(),
        order=2,
        **options,
    )
    return next(check for check in report.checks if check.name == "second order")


@pytest.mark.parametrize("forward", [None, lambda x: x**3], ids=["differences", "autograd"])
def test_right_gradient_of_the_gradient_passes(forward: Any) -> None:
    result = of_second_order(Cube.apply, forward=forward)
    assert result.verdict == "passed", result
    assert ("autograd" if forward else "central differences") in result.message


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (Forgetful, "the gradient of the gradient is wrong in x: x[0] is 0"),
        (Once, "marked with once_differentiable"),
        (InNumpy, "can't be differentiated"),
    ],
)
def test_wrong_or_missing_gradient_of_the_gradient_is_said(function: Any, said: str) -> None:
    result = of_second_order(function.apply)
    assert result.verdict == "failed"
    assert said in result.message


def test_order_2_needs_a_graph() -> None:
    report = verify_backward(
        functions.pair(), functions.drawn_arrays, settings=replace(quick, sizes={}),
        race_seconds=0.0, dtypes=(), order=2,
    )  # fmt: skip
    assert "order=2 needs a function of torch or JAX" in report.failed_checks[0].message


def test_other_orders_are_refused() -> None:
    with pytest.raises(InputError, match="order must be 1 or 2, got 3"):
        verify_backward(functions.pair(), functions.drawn_arrays, order=3)
