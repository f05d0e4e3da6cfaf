"""Functions with a backward pass of their own: a right one, and one slip at a time.

N rows, D columns, V symbols.
"""

import itertools
from typing import Any

import numpy as np
import torch

from bptt.verify import BackwardProblem


def drawn(rng: np.random.Generator, N: int, D: int) -> tuple[torch.Tensor, ...]:
    return torch.tensor(rng.standard_normal((N, D))), torch.tensor(rng.standard_normal((D, D)))


def layer(slip: str = "") -> Any:
    """Return y = sin(x) W as a torch callable, with this slip in its backward pass."""
    count = itertools.count(1)
    seen: set[Any] = set()
    kept: dict[Any, torch.Tensor] = {}

    class Layer(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
            y = torch.sin(x) @ w
            ctx.save_for_backward(x, w)
            ctx.y = y if slip == "changes its output" else None
            ctx.s = torch.sin(x)
            return y

        @staticmethod
        def backward(ctx: Any, up: torch.Tensor) -> tuple[Any, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
            x, w = ctx.saved_tensors
            number = next(count)
            if slip == "takes cotangents for one piece":
                up = torch.as_strided(up, up.shape, (up.shape[1], 1), up.storage_offset())
            dx, dw = torch.cos(x) * (up @ w.T), ctx.s.T @ up
            if slip == "takes inputs for one piece":
                flat = torch.as_strided(x, x.shape, (x.shape[1], 1), x.storage_offset())
                dx = torch.cos(flat) * (up @ w.T)
            elif slip == "one call in nine" and number % 9 == 0:
                dw[0, 0] = 0
            elif slip == "first call for a shape" and x.shape not in seen:
                seen.add(x.shape)
                dx = dx * 1.01
            elif slip == "remembers another shape":
                dw = dw * (1 + 1e-3 * (kept.setdefault("last", x).shape != x.shape))
                kept["last"] = x
            elif slip == "float32 only" and x.dtype == torch.float32:
                dx = dx * 1.001
            elif slip == "changes its cotangent":
                up.mul_(2)
            elif slip == "changes what it saved":
                ctx.s.mul_(0.5)
            elif slip == "changes its output":
                ctx.y.zero_()
            elif slip == "rows beyond a block" and len(x) > 32:
                dx[32 * (len(x) // 32) :] = 0
            elif slip == "memory that nobody wrote":
                dx = torch.empty_like(dx).copy_(dx) if len(x) < 9 else torch.empty_like(dx)
            elif slip == "both or none" and not all(ctx.needs_input_grad):
                dx, dw = dx * 2, dw * 2
            elif slip == "not zero for zero":
                dx = dx + 1e-14
            elif slip == "a factor":
                dw = dw * (1 + 1e-6)
            elif slip == "a shape":
                dx = dx.T
            elif slip == "a dtype":
                dx = dx.float()
            return dx, dw

    return Layer.apply


SLIPS = {
    "takes cotangents for one piece": "cotangents",
    "takes inputs for one piece": "x",
    "one call in nine": "",
    "first call for a shape": "",
    "remembers another shape": "another shape in between",
    "float32 only": "float32",
    "changes its cotangent": "arguments unchanged",
    "changes what it saved": "two backward passes (retain_graph)",
    "changes its output": "outputs unchanged",
    "rows beyond a block": "",
    "memory that nobody wrote": "uninitialised memory",
    "both or none": "subsets of inputs",
    "not zero for zero": "zero cotangents",
    "a factor": "",
    "a shape": "",
}


def pair(factor: float = 1.0) -> tuple[Any, Any]:
    """Return a softmax with a temperature, forward and backward in NumPy: two outputs."""

    def forward(x: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        e = np.exp(x / t)
        return e / e.sum(1, keepdims=True), x / t

    def backward(cotangents: Any, x: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        up, of_scaled = cotangents
        p = forward(x, t)[0]
        d = np.zeros_like(x) if of_scaled is None else of_scaled.copy()
        if up is not None:
            d += p * (up - (up * p).sum(1, keepdims=True))
        return d / t, -factor * (d * x).sum(0) / t**2

    return forward, backward


def drawn_arrays(rng: np.random.Generator, N: int, D: int) -> tuple[np.ndarray, ...]:
    return rng.standard_normal((N, D)), 1 + rng.random(D)


def cross_entropy(factor: float = 1.0) -> Any:
    """Return a function that gives its loss and the gradients of its floating inputs."""

    def both(logits: np.ndarray, labels: np.ndarray) -> tuple[Any, tuple[np.ndarray]]:
        p = np.exp(logits - logits.max(1, keepdims=True))
        p = p / p.sum(1, keepdims=True)
        rows = np.arange(len(labels))
        d = p.copy()
        d[rows, labels] -= 1
        return -np.log(p[rows, labels]).mean(), (factor * d / len(labels),)

    return both


def drawn_labels(rng: np.random.Generator, N: int, V: int) -> tuple[np.ndarray, ...]:
    return rng.standard_normal((N, V)), rng.integers(0, V, N)


class Scaled(torch.nn.Module):
    """A module around the layer: its weights are inputs too."""

    def __init__(self, slip: str = "") -> None:
        super().__init__()
        self.apply_layer = layer(slip)
        self.w = torch.nn.Parameter(torch.randn(3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.apply_layer(x, self.w)


def drawn_rows(rng: np.random.Generator, N: int) -> torch.Tensor:
    return torch.tensor(rng.standard_normal((N, 3)))


right = BackwardProblem(layer(), drawn)
wrong = BackwardProblem(layer("a factor"), drawn)
careless = BackwardProblem(layer("changes its cotangent"), drawn)


class WithFactor(torch.autograd.Function):
    """The identity, with a factor in its backward pass."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, factor: float) -> torch.Tensor:
        ctx.factor = factor
        return x * 1

    @staticmethod
    def backward(ctx: Any, *cotangents: torch.Tensor) -> Any:
        return ctx.factor * cotangents[0], None


def scaled(x: torch.Tensor, factor: float) -> torch.Tensor:
    return WithFactor.apply(x, factor)
