"""Right backward passes that compute in whatever dtype they are given, and factors to plant."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from bptt.verify import BackwardProblem
from bptt.verify.checker.loading import load

from . import functions

EXAMPLES = Path(__file__).parents[4] / "examples" / "backward_passes.py"
NAMES = ["layer_norm", "attention", "causal_convolution", "cross_entropy", "scan"]


def normal(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    return torch.tensor(rng.standard_normal(shape))


class Gelu(torch.autograd.Function):
    """x Φ(x), with tanh in place of the normal distribution function."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        t = torch.tanh(0.79788456 * (x + 0.044715 * x**3))
        ctx.save_for_backward(x, t)
        return 0.5 * x * (1 + t)

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, t = ctx.saved_tensors
        inner = 0.79788456 * (1 + 3 * 0.044715 * x**2)
        return dy * (0.5 * (1 + t) + 0.5 * x * (1 - t**2) * inner)


class Tempered(torch.autograd.Function):
    """A softmax with one temperature: the gradient of a single number is a sum that cancels."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
        p = torch.softmax(x / t, -1)
        ctx.save_for_backward(x, t, p)
        return p

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, t, p = ctx.saved_tensors
        d = p * (dy - (dy * p).sum(-1, keepdim=True)) / t
        return d, -((d * x).sum() / t).reshape(1)


class Accumulated(torch.autograd.Function):
    """Running products with one shared decay, computed step by step in the tensors' own dtype."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, a)
        h, states = torch.zeros_like(x[:, 0]), []
        for t in range(x.shape[1]):
            h = a * h + x[:, t]
            states.append(h)
        ctx.states = states
        return h

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, a = ctx.saved_tensors
        dx, da = torch.zeros_like(x), torch.zeros_like(a)
        for t in reversed(range(x.shape[1])):
            dx[:, t] = dy
            if t > 0:
                da = da + (dy * ctx.states[t - 1]).sum().reshape(1)
            dy = dy * a
        return dx, da


class InFloat32(torch.autograd.Function):
    """A layer that computes in float32 whatever its inputs are, as most kernels do."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, w)
        wide = torch.promote_types(x.dtype, torch.float32)
        return torch.tanh(x.to(wide) @ w.to(wide)).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, w = ctx.saved_tensors
        wide = torch.promote_types(x.dtype, torch.float32)
        d = dy.to(wide) * (1 - torch.tanh(x.to(wide) @ w.to(wide)) ** 2)
        return (d @ w.to(wide).T).to(x.dtype), (x.to(wide).T @ d).to(x.dtype)


def families() -> dict[str, BackwardProblem]:
    """Return right backward passes: by hand in torch and NumPy, and modules of torch."""
    torch.manual_seed(0)
    return {
        **{name: load(f"{EXAMPLES}:{name}").function for name in NAMES},  # pyright: ignore[reportReturnType]
        "gelu": BackwardProblem(Gelu.apply, lambda rng, N, D: normal(rng, N, D)),
        "tempered": BackwardProblem(
            Tempered.apply, lambda rng, N, D: (normal(rng, N, D), 1 + torch.tensor(rng.random(1)))
        ),
        "accumulated": BackwardProblem(
            Accumulated.apply,
            lambda rng, N, T: (normal(rng, N, T), torch.tensor(rng.uniform(0.5, 1.0, 1))),
        ),
        "in float32": BackwardProblem(
            InFloat32.apply, lambda rng, N, D: (normal(rng, N, D), normal(rng, D, D) / D**0.5)
        ),
        "sine layer": BackwardProblem(functions.layer(), functions.drawn),
        "GRU cell": BackwardProblem(
            torch.nn.GRUCell(5, 6), lambda rng, N: (normal(rng, N, 5), normal(rng, N, 6))
        ),
        "layer norm of torch": BackwardProblem(
            torch.nn.LayerNorm(7), lambda rng, N: normal(rng, N, 7)
        ),
        "NumPy softmax": BackwardProblem(functions.pair(), functions.drawn_arrays),
        "NumPy cross-entropy": BackwardProblem(functions.cross_entropy(), functions.drawn_labels),
    }


class Factor(torch.autograd.Function):
    """The identity, whose gradient is multiplied by a factor in the lower precisions only."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, factor: float) -> torch.Tensor:
        ctx.factor = factor
        return x.clone()

    @staticmethod
    def backward(ctx: Any, dy: torch.Tensor) -> tuple[torch.Tensor, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        return (dy if dy.dtype == torch.float64 else dy * ctx.factor), None


def planted(problem: BackwardProblem, place: int, factor: float) -> BackwardProblem:
    """Return the problem with a factor on the gradient of one input of a torch function."""

    def function(*inputs: Any) -> Any:
        given = list(inputs)
        given[place] = Factor.apply(given[place], factor)
        return problem.function(*given)

    return BackwardProblem(function, problem.inputs)
