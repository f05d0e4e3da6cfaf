"""Operators of torch.library, modules, and JAX functions with a VJP of their own."""

from typing import Any

import numpy as np
import pytest
import torch
from torch.utils.checkpoint import checkpoint

from bptt.verify import BackwardProblem, Settings, check, verify_backward
from bptt.verify.checker.report.report import Report

from .functions import scaled

quick = Settings(cases=4, budget=4.0)


def failed_or_verdict(report: Report) -> str:
    return report.verdict if report.exit_status else "right"


@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_operator_of_torch_library_is_verified(factor: float) -> None:
    name = f"bptt_tests::softplus_{str(factor).replace('.', '_')}"

    @torch.library.custom_op(name, mutates_args=())
    def softplus(x: torch.Tensor) -> torch.Tensor:
        return torch.log1p(torch.exp(x))

    def setup(ctx: Any, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        ctx.save_for_backward(*inputs)

    def backward(ctx: Any, up: torch.Tensor) -> torch.Tensor:
        return factor * up * torch.sigmoid(ctx.saved_tensors[0])

    torch.library.register_autograd(name, backward, setup_context=setup)
    report = verify_backward(
        softplus, lambda rng, N: torch.tensor(rng.standard_normal(N)), settings=quick,
        race_seconds=0.0,
    )  # fmt: skip
    assert failed_or_verdict(report) == ("right" if factor == 1.0 else "wrong")


def tanh_layer_of_jax(factor: float) -> Any:
    jax = pytest.importorskip("jax")
    jnp = jax.numpy

    @jax.custom_vjp
    def layer(x: Any, w: Any) -> Any:
        return jnp.tanh(x @ w)

    def forward(x: Any, w: Any) -> Any:
        return layer(x, w), (x, w)

    def backward(saved: Any, up: Any) -> Any:
        x, w = saved
        d = up * (1 - jnp.tanh(x @ w) ** 2)
        return d @ w.T, factor * (x.T @ d)

    layer.defvjp(forward, backward)
    return layer


@pytest.mark.parametrize("factor", [1.0, 1 + 1e-5])
def test_custom_vjp_of_jax_is_verified_in_float64_and_to_second_order(factor: float) -> None:
    def inputs(rng: np.random.Generator, N: int, D: int) -> tuple[np.ndarray, ...]:
        return rng.standard_normal((N, D)), rng.standard_normal((D, D))

    report = verify_backward(
        tanh_layer_of_jax(factor),
        inputs,
        settings=quick,
        race_seconds=0.0,
        dtypes=("bfloat16",),
        order=2,
    )
    assert failed_or_verdict(report) == ("right" if factor == 1.0 else "wrong"), report.checks
    verdicts = {check.name: check.verdict for check in report.checks}
    assert (verdicts["bfloat16"], verdicts["second order"]) == ("passed", "passed"), report.checks


@pytest.mark.parametrize("seed", [10, 39, 999])
def test_slope_of_saturated_units_in_compiled_code_is_rounding(seed: int) -> None:
    def inputs(rng: np.random.Generator, N: int, D: int) -> tuple[np.ndarray, ...]:
        return rng.standard_normal((N, D)), rng.standard_normal((D, 2))

    layer = tanh_layer_of_jax(1.0)
    problem = BackwardProblem(layer, inputs)
    found = check(problem, {"N": 5, "D": 3}, seed=seed, scale=10.0)
    assert found.verdict == "rounding", str(found)
    smaller = BackwardProblem(tanh_layer_of_jax(1 + 1e-11), inputs)
    assert check(smaller, {"N": 5, "D": 3}, seed=seed).verdict == "wrong"


@pytest.mark.parametrize(
    ("factor", "dtype"), [(1.0, torch.float32), (1.0, torch.float64), (1.001, torch.float64)]
)
def test_module_that_runs_again_in_its_backward_pass(dtype: torch.dtype, factor: float) -> None:
    class Checkpointed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = torch.nn.Linear(3, 3), torch.nn.Linear(3, 2)

        def inner(self, x):
            return torch.tanh(scaled(self.a(x), factor))

        def forward(self, x):
            return self.b(checkpoint(self.inner, x, use_reentrant=False))

    report = verify_backward(
        Checkpointed().to(dtype),
        lambda rng, N: torch.tensor(rng.standard_normal((N, 3))),
        settings=Settings(cases=4, budget=5.0),
        race_seconds=0.0,
        dtypes=(),
        order=2 if factor == 1 else 1,
    )
    assert report.exit_status == (0 if factor == 1 else 1), report.failed_checks


@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_gradients_that_a_backward_pass_puts_into_grad(factor: float) -> None:
    class Side(torch.autograd.Function):
        """Runs `backward` of its own on the weight, as reversible layers do."""

        @staticmethod
        def forward(ctx, x, w):
            ctx.save_for_backward(x, w)
            return x * w

        @staticmethod
        def backward(ctx, *cotangents):
            x, w = ctx.saved_tensors
            with torch.enable_grad():
                (w * (factor * x.detach() * cotangents[0]).sum(0)).sum().backward()
            return cotangents[0] * w, None

    report = verify_backward(
        Side.apply,
        lambda rng, N, D: (
            torch.tensor(rng.standard_normal((N, D))),
            torch.tensor(rng.standard_normal(D)),
        ),
        settings=Settings(cases=6, budget=5.0),
        race_seconds=0.0,
    )
    wrong = [] if factor == 1 else ["w"]
    assert report.exit_status == (0 if factor == 1 else 1), report.failed_checks
    assert (report.diagnosis.names if report.diagnosis else []) == wrong
