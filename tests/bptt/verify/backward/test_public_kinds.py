"""What public backward passes showed: each kind of false alarm, miss or unclear error."""

import gc
import time
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from bptt.errors import InputError
from bptt.verify import BackwardProblem, Settings, verify_backward
from bptt.verify.checker.calls import CaseError, call

few = Settings(cases=8, budget=20.0)
quick = partial(verify_backward, race_seconds=0.0, dtypes=(), settings=few)


def rows(rng: np.random.Generator, N: int, D: int) -> tuple[torch.Tensor]:
    return (torch.tensor(rng.standard_normal((N, D))),)


@pytest.mark.parametrize(
    ("draw", "bounded"),
    [
        (lambda rng, n: rng.standard_normal(n), False),
        (lambda rng, n: 3 * rng.standard_normal((n, n)) @ rng.standard_normal((n, n)), False),
        (lambda rng, n: rng.uniform(1, 4, n), True),
        (lambda rng, n: rng.uniform(-0.9, 0.9, n), True),
        (lambda rng, n: rng.uniform(-3, 3, n), True),
        (lambda rng, n: rng.dirichlet(np.ones(n), n), True),
        (lambda rng, n: np.linalg.qr(rng.standard_normal((n, n)))[0], True),
        (lambda rng, n: np.sign(rng.standard_normal(n)), True),
    ],
    ids=["normal", "products", "positive", "(-1, 1)", "(-3, 3)", "simplex", "orthogonal", "signs"],
)
def test_only_inputs_without_bounds_are_scaled(draw, bounded: bool) -> None:
    problem = BackwardProblem(lambda x: x, lambda rng, N: torch.tensor(draw(rng, N)))
    made = problem(np.random.default_rng(0), N=5)
    assert list(made.scaled or ()) == ([] if bounded else ["x"])


def test_what_a_function_does_outside_of_what_is_drawn_is_no_error() -> None:
    class Artanh(torch.autograd.Function):
        """Beyond ±1 the forward pass is constant; its gradient isn't."""

        @staticmethod
        def forward(ctx, x):
            x = x.clamp(-1 + 1e-15, 1 - 1e-15)
            ctx.save_for_backward(x)
            return torch.atanh(x)

        @staticmethod
        def backward(ctx, *cotangents):
            (x,) = ctx.saved_tensors
            return cotangents[0] / (1 - x**2)

    def between(rng, N):
        return torch.tensor(rng.uniform(-0.9, 0.9, N))

    def beyond(rng, N):
        return torch.tensor(rng.standard_normal(N))

    assert quick(Artanh.apply, between, settings=Settings(cases=40)).exit_status == 0
    assert quick(Artanh.apply, beyond, settings=Settings(cases=40)).exit_status == 1


class SoftmaxInFloat32(torch.autograd.Function):
    """Right, with a backward pass in float32; for strides it has the context's factor."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x.softmax(-1))
        ctx.factor = 1.0
        return x.softmax(-1)

    @staticmethod
    def backward(ctx, *cotangents):
        (p,) = ctx.saved_tensors
        p, up = p.float(), cotangents[0].float()
        slope = p * up
        if not cotangents[0].is_contiguous():
            slope = slope * ctx.factor  # as a kernel does that takes memory for one piece
        return slope - p * slope.sum(-1, keepdim=True)


class ActivationInFloat32(torch.autograd.Function):
    """tanh(x) in float32, whatever the dtype of x."""

    @staticmethod
    def forward(ctx, x):
        y = x.float().tanh()
        ctx.save_for_backward(y)
        return y.to(x.dtype)

    @staticmethod
    def backward(ctx, *cotangents):
        (y,) = ctx.saved_tensors
        return cotangents[0] * (1 - y * y)


@pytest.mark.parametrize("function", [SoftmaxInFloat32, ActivationInFloat32])
def test_float32_inside_a_function_is_rounding(function: Any) -> None:
    report = quick(function.apply, rows)
    assert report.exit_status == 0, report.failed_checks or report.verdict


@pytest.mark.parametrize("factor", [1.001, 1.0001])
def test_layout_that_changes_more_than_float32_inside_explains_is_found(factor: float) -> None:
    class Slip(SoftmaxInFloat32):
        @staticmethod
        def forward(ctx, x):
            y = SoftmaxInFloat32.forward(ctx, x)
            ctx.factor = factor
            return y

    assert any("cotangents" in check.name for check in quick(Slip.apply, rows).failed_checks)


def test_second_backward_pass_that_adds_to_the_first_is_found() -> None:
    class Shift(torch.autograd.Function):
        """The saved bias collects its gradient, and what is returned is a view of that."""

        @staticmethod
        def forward(ctx, x, bias):
            ctx.save_for_backward(x, bias.detach())
            return x * (x - bias)

        @staticmethod
        def backward(ctx, *cotangents):
            x, bias = ctx.saved_tensors
            x = x.detach().requires_grad_()
            bias.requires_grad = True
            with torch.enable_grad():
                (x * (x - bias)).backward(cotangents[0])
            return x.grad, bias.grad.flatten()

    report = quick(
        Shift.apply, lambda rng, N, D: (*rows(rng, N, D), torch.tensor(rng.standard_normal(D)))
    )
    (found,) = report.failed_checks
    assert "retain_graph" in found.name
    assert found.picture is not None


def torch_function(gradient: Any) -> Any:
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, *cotangents):
            (x,) = ctx.saved_tensors
            return gradient(2 * x * cotangents[0])

    return Square.apply


def numpy_pair(gradient: Any) -> Any:
    return (lambda x: x * x), (lambda up, x: gradient(2 * x * up))


def arrays(rng: np.random.Generator, N: int, D: int) -> tuple[np.ndarray]:
    return (rng.standard_normal((N, D)),)


@pytest.mark.parametrize(
    ("function", "inputs", "said"),
    [
        (torch_function(lambda g: g.reshape(-1)), rows, "invalid gradient"),
        (torch_function(lambda g: (g, g)), rows, "number of gradients"),
        (numpy_pair(lambda g: g.sum(0)), arrays, "expected shape (1, 1), got (1,)"),
        (numpy_pair(lambda g: (g, g)), arrays, "expected 1 gradients"),
        (numpy_pair(lambda g: g.astype(np.float32)), arrays, "expected float64, got float32"),
    ],
    ids=["torch shape", "torch number", "pair shape", "pair number", "pair dtype"],
)
def test_misshapen_gradient_is_wrong_and_no_error_of_the_run(function, inputs, said: str) -> None:
    report = quick(function, inputs)
    assert (report.verdict, report.exit_status) == ("wrong shape or type", 1)
    assert report.smallest is not None
    assert said in report.smallest.message


def test_numpy_function_without_a_gradient_is_told_what_is_expected() -> None:
    with pytest.raises(
        InputError, match=r"expected .*\(loss, gradients\), the loss one number, got ndarray"
    ):
        quick(np.tanh, lambda rng, N: rng.standard_normal(N))


def test_sparse_tensors_inside_are_no_obstacle_to_lower_precisions() -> None:
    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, values, b):
            index = torch.arange(len(values)).repeat(2, 1)
            a = torch.sparse_coo_tensor(index, values, (len(values),) * 2, check_invariants=False)
            ctx.save_for_backward(a, b, values)
            return a @ b

        @staticmethod
        def backward(ctx, *cotangents):
            _, b, values = ctx.saved_tensors
            return (cotangents[0] * b).sum(-1), values[:, None] * cotangents[0]

    report = quick(
        Product.apply,
        lambda rng, N, D: (torch.tensor(rng.standard_normal(N)), *rows(rng, N, D)),
        dtypes=("float32",),
    )
    (found,) = [check for check in report.checks if check.name == "float32"]
    assert found.verdict == "passed", found.message


class Callable:
    """A callback that has no code of its own to be recognised by."""

    def __call__(self, phase: str, info: object) -> None:
        time.sleep(0.1)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("slow", [Callable().__call__, Callable()], ids=["method", "object"])
def test_time_limit_survives_a_garbage_collection(slow: Any) -> None:

    def loop() -> None:
        gc.collect()
        while True:
            time.sleep(0.01)

    gc.callbacks.append(slow)
    try:
        with pytest.raises(CaseError, match="took longer"):
            call("loop", loop, limit=0.05)
    finally:
        gc.callbacks.remove(slow)


def test_call_that_ends_in_a_block_without_gradients_leaves_torch_as_it_was() -> None:
    def interrupted() -> None:
        torch.set_grad_enabled(False)  # as if the signal had kept `no_grad` from leaving
        time.sleep(5.0)

    with pytest.raises(CaseError, match="took longer"):
        call("interrupted", interrupted, limit=0.05)
    assert torch.is_grad_enabled()


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "right"), (1.001, "wrong")])
def test_numpy_code_may_be_float32_throughout(factor: float, verdict: str) -> None:
    def forward(x):
        return np.tanh(x.astype(np.float32))

    def backward(up, x):
        return (factor * up * (1 - np.tanh(x.astype(np.float32)) ** 2)).astype(np.float32)

    report = quick((forward, backward), lambda rng, N: rng.standard_normal(N))
    assert report.verdict == verdict


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "right"), (1.001, "wrong")])
def test_numpy_pair_is_given_zeros_for_outputs_without_a_gradient(factor: float, verdict: str):
    def forward(x):
        return np.tanh(x), (x > 0).astype(int), x**2

    def backward(cotangents, x):
        first, signs, second = cotangents
        return factor * first * (1 - np.tanh(x) ** 2) + signs + second * 2 * x

    report = quick((forward, backward), lambda rng, N: rng.standard_normal(N))
    assert (report.verdict, report.exit_status) == (verdict, 0 if factor == 1 else 1)


def test_sparse_tensors_among_the_arguments_are_constants() -> None:
    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, x):
            ctx.save_for_backward(a)
            return a @ x

        @staticmethod
        def backward(ctx, *cotangents):
            return None, ctx.saved_tensors[0].t() @ cotangents[0]

    def inputs(rng, N, D):
        return torch.eye(N).double().to_sparse(), torch.tensor(rng.standard_normal((N, D)))

    assert quick(Product.apply, inputs).exit_status == 0


def test_losses_of_several_rows_are_told_what_is_expected() -> None:
    with pytest.raises(InputError, match=r"the loss one number, got list, ndarray"):
        quick(lambda x: ([*x, 1.0], x), lambda rng, N: rng.standard_normal(N))
