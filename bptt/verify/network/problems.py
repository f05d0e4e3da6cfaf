"""The engines of this project as problems for its verifier.

A gradient with the running clip isn't the gradient of the loss, so it is compared with the fold of
the expected per-step contributions. The clip is low enough to act in most of the drawn cases.

V symbols, H hidden units, T characters in a window.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

import reference
import torch_impl
from bptt.errors import InputError

from ...engines import registry
from ..checker.loading import ProblemFactory, load
from ..checker.problem import GradientProblem
from . import autograd, complex_step
from .lockstep import NAMES

CLIP = 0.5


def own_engines() -> list[ProblemFactory]:
    """List every engine, with and without the clip, in each precision."""
    return [
        _called(f"{name}{', clip ' * bool(clip)}{clip or ''}", make(clip))
        for name, make in [("the reference", _reference), *_of_tensors()]
        for clip in (None, CLIP)
    ]


def _of_tensors() -> Iterator[tuple[str, Callable[[float | None], Callable[..., GradientProblem]]]]:
    for engine in registry.ENGINES:
        if engine.tensor_gradient is not None:
            dtype = getattr(torch, engine.dtype)
            yield engine.description, partial(_over_tensors, engine.tensor_gradient, dtype)


def compile_kernels() -> None:
    """Compile the fast engine's kernels first, since that would exceed the time limit of a call.

    Raises InputError where numba is missing.
    """
    window = np.zeros(1, np.int64), np.zeros(1, np.int64), np.zeros((1, 1))
    parameters = reference.Parameters(*(np.zeros((1, 1)) for _ in NAMES))
    for engine in registry.ENGINES:
        try:
            engine.gradient(parameters, window, CLIP)
        except ImportError as error:
            raise InputError(str(error)) from error


def _called(name: str, problem: Callable[..., GradientProblem]) -> ProblemFactory:
    factory = load(problem)
    return ProblemFactory(factory.function, factory.size_names, name)


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

        def fold(contributions: list[dict[str, Any]]) -> dict[str, Any]:
            made = [reference.Gradients(*(step[name] for name in NAMES)) for step in contributions]
            return dict(zip(NAMES, complex_step.fold(made, clip), strict=True))

        return GradientProblem(
            parameters, lambda values: loss_of_steps([values] * T), gradient, loss_of_steps,
            None if clip is None else fold,
        )  # fmt: skip

    return problem


def _over_tensors(
    differentiate: Callable[..., Iterable[Tensor]], dtype: torch.dtype, clip: float | None
) -> Callable[..., GradientProblem]:
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
            computed = differentiate(given, inputs, targets, state.to(given.by), clip)
            return dict(zip(NAMES, computed, strict=True))

        def fold(contributions: list[dict[str, Tensor]]) -> dict[str, Tensor]:
            made = [torch_impl.Gradients(*(step[name] for name in NAMES)) for step in contributions]
            return dict(zip(NAMES, autograd.fold(made, clip), strict=True))

        return GradientProblem(
            parameters, lambda values: loss_of_steps([values] * T), gradient, loss_of_steps,
            None if clip is None else fold,
        )  # fmt: skip

    return problem
