"""The engines of this project as problems for its own verifier.

The clip makes the gradient another thing than the loss's: it is held against the fold of each
step's true share. It is set low enough to act in most of the drawn cases.

V symbols, H hidden units, T characters in a window.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

import reference
import torch_impl

from . import autograd, complex_step
from .checker.loading import Maker, load
from .checker.problem import GradientProblem
from .lockstep import NAMES

CLIP = 0.5


def own_engines() -> list[Maker]:
    """List every engine, with and without the clip, in each precision."""
    return [
        _called("the reference", _reference(None)),
        _called(f"the reference, clip {CLIP}", _reference(CLIP)),
        _called("the torch twin", _twin(None, torch.float64)),
        _called(f"the torch twin, clip {CLIP}", _twin(CLIP, torch.float64)),
        _called("the torch twin in float32", _twin(None, torch.float32)),
        _called(f"the torch twin in float32, clip {CLIP}", _twin(CLIP, torch.float32)),
    ]


def _called(name: str, problem: Callable[..., GradientProblem]) -> Maker:
    maker = load(problem)
    return Maker(maker.function, maker.size_names, name)


def _drawn(T: int, H: int, V: int, rng: np.random.Generator) -> tuple[dict[str, Any], tuple]:
    shapes = ((H, V), (H, H), (V, H), (H, 1), (V, 1))
    parameters = {
        name: rng.standard_normal(shape) for name, shape in zip(NAMES, shapes, strict=True)
    }
    window = rng.integers(V, size=T), rng.integers(V, size=T), rng.uniform(-1, 1, (H, 1))
    return parameters, window


def _reference(clip: float | None) -> Callable[..., GradientProblem]:
    def problem(T: int, H: int, V: int, rng: np.random.Generator) -> GradientProblem:
        parameters, window = _drawn(T, H, V, rng)

        def loss_of_steps(steps: list[dict[str, Any]]) -> Any:
            copies = [[values[name] for name in NAMES] for values in steps]
            total = complex_step.loss(copies, *window)
            complex_given = any(np.iscomplexobj(value) for copy in copies for value in copy)
            return total if complex_given else total.real

        def gradient(values: dict[str, Any]) -> dict[str, Any]:
            given = reference.Parameters(*(values[name] for name in NAMES))
            computed = reference.backward(given, reference.forward(given, *window), clip)
            return dict(zip(NAMES, computed, strict=True))

        def fold(shares: list[dict[str, Any]]) -> dict[str, Any]:
            made = [reference.Gradients(*(share[name] for name in NAMES)) for share in shares]
            return dict(zip(NAMES, complex_step.fold(made, clip), strict=True))

        return GradientProblem(
            parameters, lambda values: loss_of_steps([values] * T), gradient, loss_of_steps,
            None if clip is None else fold,
        )  # fmt: skip

    return problem


def _twin(clip: float | None, dtype: torch.dtype) -> Callable[..., GradientProblem]:
    def problem(T: int, H: int, V: int, rng: np.random.Generator) -> GradientProblem:
        drawn, window = _drawn(T, H, V, rng)
        parameters = {name: torch.tensor(value, dtype=dtype) for name, value in drawn.items()}
        inputs, targets, state = (torch.from_numpy(part) for part in window)
        state = state.to(dtype)

        def loss_of_steps(steps: list[dict[str, Tensor]]) -> Tensor:
            copies = [[values[name] for name in NAMES] for values in steps]
            return autograd.window_loss(copies, inputs, targets, state.to(copies[0][0]))[0]

        def gradient(values: dict[str, Tensor]) -> dict[str, Tensor]:
            given = torch_impl.Parameters(*(values[name] for name in NAMES))
            trace = torch_impl.forward(given, inputs, targets, state.to(given.by))
            return dict(zip(NAMES, torch_impl.backward(given, trace, clip), strict=True))

        def fold(shares: list[dict[str, Tensor]]) -> dict[str, Tensor]:
            made = [torch_impl.Gradients(*(share[name] for name in NAMES)) for share in shares]
            return dict(zip(NAMES, autograd.fold(made, clip), strict=True))

        return GradientProblem(
            parameters, lambda values: loss_of_steps([values] * T), gradient, loss_of_steps,
            None if clip is None else fold,
        )  # fmt: skip

    return problem
