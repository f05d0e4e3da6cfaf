"""Functions that break the contract of a backward pass: each gets a message that says how."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.autograd import Function

from bptt.errors import InputError
from bptt.verify import BackwardProblem, Settings, verify_backward
from bptt.verify.backward.checks import input_layouts, run
from bptt.verify.backward.derivative_tests import dot_product, taylor_remainder
from bptt.verify.backward.phases import run_phases
from bptt.verify.backward.problem import BackwardCase
from bptt.verify.backward.settings import BackwardSettings
from bptt.verify.checker.loading import ProblemFactory
from bptt.verify.checker.problem import Case, Skip

from . import functions
from .rounded_functions import families

quick = Settings(cases=3, budget=3.0, sizes={"N": (2, 3)})
noise = np.random.default_rng(0)


def squares(backward: Any, forward: Any = lambda x: x**2) -> Any:
    class Squares(Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> Any:
            ctx.save_for_backward(x)
            return forward(x)

        @staticmethod
        def backward(ctx: Any, *cotangents: torch.Tensor) -> Any:
            return backward(ctx.saved_tensors[0], cotangents[0])

    return Squares.apply


def drawn(rng: np.random.Generator, N: int) -> torch.Tensor:
    return torch.tensor(rng.standard_normal(N))


def right(x: torch.Tensor, up: torch.Tensor) -> torch.Tensor:
    return 2 * x * up


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (squares(right, lambda x: x > 0), "expected a floating output, got Tensor"),
        (lambda x: torch.ones(3), "no output depends on an input that requires a gradient"),
        (lambda x: x.detach(), "no output depends on an input that requires a gradient"),
    ],
    ids=["no floating output", "constant output", "detached output"],
)
def test_broken_contract_is_bad_input(function: Any, words: str) -> None:
    with pytest.raises(InputError) as caught:
        verify_backward(function, drawn, settings=quick)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (squares(right, lambda x: x**2 + noise.random()), "two calls of loss differ"),
        (squares(lambda x, up: right(x, up) * noise.random()), "two calls of gradient differ"),
        (squares(lambda x, up: right(x, up) + float("nan")), "not finite"),
    ],
    ids=["random forward", "random backward", "NaN"],
)
def test_randomness_and_nan_are_said(function: Any, words: str) -> None:
    report = verify_backward(function, drawn, settings=quick, race_seconds=0.0, dtypes=())
    assert report.exit_status == 1
    assert report.smallest is not None
    why = [found.why for found in report.smallest.findings.values()]
    assert words in " ".join([report.smallest.message, *why])


def test_sizes_that_the_function_skips_are_replaced_by_others() -> None:
    def even(rng: np.random.Generator, N: int, D: int) -> tuple[torch.Tensor, ...]:
        if N % 2 or D % 2:
            raise Skip("N and D must be even")
        return functions.drawn(rng, N, D)

    problem = BackwardProblem(functions.layer(), even)
    found: list[Any] = []
    factory = ProblemFactory(problem, problem.size_names, "even")
    options = BackwardSettings(dtypes=(), race_seconds=0.0)
    run_phases(factory, Settings(), options, {"values"}, found.append)
    verdicts = {result.verdict for phase in found for result in phase.results}
    assert len(found) > 10
    assert verdicts == {"passed"}


def test_gradient_that_cancels_in_another_layout_is_not_called_wrong() -> None:
    case = BackwardCase(
        families()["attention"], Case({"N": 17, "T": 18, "D": 19}), 10.0
    )  # with all entries of k equal, the gradient of q is 0 up to rounding
    results = {result.name: result.verdict for result in run(input_layouts, case)}
    assert results["k expanded (stride 0)"] == "passed"


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "passed"), (1.01, "failed")])
def test_taylor_remainder_tells_a_wrong_factor_by_its_slope(factor: float, verdict: str) -> None:
    function = squares(lambda x, up: factor * right(x, up))
    case = BackwardCase(BackwardProblem(function, drawn), Case({"N": 5}), 10.0)
    (result,) = taylor_remainder(case)
    assert result.verdict == verdict, result
    assert result.picture is not None


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "passed"), (1.000001, "failed")])
def test_dot_product_compares_with_the_forward_derivative(factor: float, verdict: str) -> None:
    function = squares(lambda x, up: factor * right(x, up))
    problem = BackwardProblem(function, drawn, forward=lambda x: x**2)
    (result,) = dot_product(BackwardCase(problem, Case({"N": 5}), 10.0), problem)
    assert result.verdict == verdict, result


def test_own_forward_derivative_of_a_function_is_compared_too() -> None:
    class Tangent(Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x)
            ctx.save_for_forward(x)
            return x**2

        @staticmethod
        def backward(ctx: Any, *cotangents: torch.Tensor) -> torch.Tensor:
            return right(ctx.saved_tensors[0], cotangents[0])

        @staticmethod
        def jvp(ctx: Any, *tangents: torch.Tensor) -> torch.Tensor:
            return 3 * ctx.saved_tensors[0] * tangents[0]

    problem = BackwardProblem(Tangent.apply, drawn)
    (result,) = dot_product(BackwardCase(problem, Case({"N": 5}), 10.0), problem)
    assert result.verdict == "failed", result


def test_function_without_a_forward_derivative_has_no_dot_product() -> None:
    problem = BackwardProblem(squares(right), drawn)
    assert list(dot_product(BackwardCase(problem, Case({"N": 5}), 10.0), problem)) == []
