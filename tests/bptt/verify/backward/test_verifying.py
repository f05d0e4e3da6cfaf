"""Backward passes with one slip each are refuted, and right ones pass, whatever they are."""

import io
import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from rich.console import Console

from bptt.errors import InputError
from bptt.verify import BackwardProblem, Settings, assert_backward_right, verify_backward
from bptt.verify.checker.report.page import page
from bptt.verify.checker.report.terminal import show

from . import functions as functions

few = Settings(cases=12, budget=6.0)
quick = partial(verify_backward, race_seconds=0.05, settings=few)

SLOWEST = "rows beyond a block"  # make museum has another of the kind


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (functions.layer(), functions.drawn),
        (functions.pair(), functions.drawn_arrays),
        (functions.cross_entropy(), functions.drawn_labels),
        (functions.Scaled(), functions.drawn_rows),
    ],
    ids=["torch function", "NumPy pair", "loss and gradients", "module"],
)
def test_right_backward_pass_passes_every_check(function, inputs) -> None:
    report = quick(function, inputs)
    assert report.exit_status == 0, report.failed_checks or report.tally("verdict")
    names = {check.name for check in report.checks if check.verdict == "passed"}
    assert {"arguments unchanged", "many calls", "float32"} <= names
    assert any("cotangents" in name for name in names)


@pytest.mark.parametrize(
    "slip",
    [
        pytest.param(slip, marks=[pytest.mark.campaign] if slip == SLOWEST else [])
        for slip in functions.SLIPS
    ],
)
def test_slip_is_found_and_the_check_named(slip: str) -> None:
    settings = few if functions.SLIPS[slip] else Settings()  # those in the values need the search
    dtypes = ("float32",) if slip == "float32 only" else ()
    report = quick(functions.layer(slip), functions.drawn, settings=settings, dtypes=dtypes)
    assert report.exit_status == 1
    assert any(functions.SLIPS[slip] in check.name for check in report.failed_checks) or (
        not functions.SLIPS[slip]
    )


@pytest.mark.parametrize("found", [5e-324, 4e-310, -1e308, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_whatever_uninitialised_memory_holds_is_refuted(found: float, dtype: torch.dtype) -> None:
    class Unwritten(torch.autograd.Function):
        """The gradient of every second call is this number, or what the dtype makes of it."""

        calls = itertools.count()

        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, *cotangents):
            (x,) = ctx.saved_tensors
            right = 2 * x * cotangents[0]
            return torch.full_like(x, found) if next(Unwritten.calls) % 2 else right

    report = quick(
        Unwritten.apply, lambda rng, N: torch.tensor(rng.standard_normal(N), dtype=dtype)
    )
    assert report.exit_status == 1
    assert page([report])
    show(report, Console(file=io.StringIO()))


@pytest.mark.parametrize(
    ("function", "inputs"),
    [
        (functions.pair(1.001), functions.drawn_arrays),
        (functions.cross_entropy(1.001), functions.drawn_labels),
        (functions.Scaled("a factor"), functions.drawn_rows),
    ],
    ids=["NumPy pair", "loss and gradients", "module"],
)
def test_wrong_factor_is_found_in_every_form(function, inputs) -> None:
    with pytest.raises(AssertionError, match="wrong"):
        assert_backward_right(function, inputs, race_seconds=0.1)


def test_plain_forward_serves_autograd_as_an_oracle() -> None:
    report = quick(functions.layer(), functions.drawn, forward=lambda x, w: torch.sin(x) @ w)
    assert report.tally("oracle").keys() == {"autograd"}
    assert quick(functions.layer(), functions.drawn).tally("oracle").keys() == {
        "central differences"
    }


def product(identity: Callable[[torch.Tensor], Any], known: bool = True) -> Any:
    """Return a b² as a callable that assigns gradients by this identity, with a shared buffer."""
    pool: dict[Any, torch.Tensor] = {}

    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            ctx.set_materialize_grads(known)
            ctx.square = b * b if known else pool.setdefault(b.shape, b * b).copy_(b * b)
            return a * b * b, a + b

        @staticmethod
        def backward(ctx, *cotangents):
            a, b = ctx.saved_tensors
            first, second = cotangents
            slopes = {identity(a): first * ctx.square + second}
            slopes[identity(b)] = first * 2 * a * b + second
            return slopes[identity(a)], slopes[identity(b)]

    return Product.apply


@pytest.mark.parametrize(
    ("function", "failed"),
    [
        (product(id), set()),
        (product(torch.Tensor.data_ptr), {"one array for a and b"}),
        (product(id, False), {"output 0 unused", "output 1 unused", "another call in between"}),
    ],
    ids=["right", "by address", "shared buffer, no zeros"],
)
def test_arguments_outputs_and_calls_are_told_apart(function, failed: set[str]) -> None:
    def inputs(rng, N, D):
        return torch.tensor(rng.standard_normal((N, D))), torch.tensor(rng.standard_normal((N, D)))

    report = quick(function, inputs)
    assert {check.name for check in report.failed_checks} == failed
    assert report.verdict == "right"


def test_gradient_that_cancels_to_rounding_errors_is_right() -> None:
    class Centred(torch.autograd.Function):
        """Its gradient with respect to the weights is a rounding error if all rows are equal."""

        @staticmethod
        def forward(ctx, scores, v):
            ctx.save_for_backward(scores.softmax(1), v)
            return scores.softmax(1) @ v

        @staticmethod
        def backward(ctx, *cotangents):
            p, v = ctx.saved_tensors
            d = p * (cotangents[0] @ v.T)
            return d - p * d.sum(1, keepdim=True), p.T @ cotangents[0]

    def inputs(rng, N, D):
        return torch.tensor(rng.standard_normal((N, N))), torch.tensor(rng.standard_normal((N, D)))

    assert quick(Centred.apply, inputs).exit_status == 0


def test_kernel_that_refuses_a_layout_is_reported_and_right() -> None:
    class Strict(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx, *cotangents):
            if not cotangents[0].is_contiguous():
                raise RuntimeError("expected a contiguous gradient")
            return 2 * ctx.saved_tensors[0] * cotangents[0]

    report = quick(Strict.apply, lambda rng, N, D: torch.tensor(rng.standard_normal((N, D))))
    assert report.exit_status == 0
    refused = {check.name: check.message for check in report.checks if check.verdict == "refused"}
    assert "expected a contiguous gradient" in refused["cotangents transposed"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: quick(functions.layer()), "expected inputs(rng, N, D, ...)"),
        (lambda: quick(3, functions.drawn), "expected a torch callable"),
        (lambda: quick((np.sin,), functions.drawn_arrays), "expected a pair (forward, backward)"),
        (lambda: quick(functions.layer(), lambda N: 3), "takes no rng"),
        (lambda: quick(np.sin, lambda rng, N: 3), "expected a floating array among them"),
        (
            lambda: quick(functions.layer(), functions.drawn, dtypes=("int8",)),
            "expected some of float32, bfloat16, float16, got int8",
        ),
    ],
)
def test_bad_input_gets_a_clear_error(call, words: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert words in str(caught.value)


def test_problem_stands_for_function_and_inputs() -> None:
    problem = BackwardProblem(functions.layer("a factor"), functions.drawn)
    report = quick(problem)
    assert (report.target, report.exit_status) == ("layer.<locals>.Layer".rpartition(".")[2], 1)
