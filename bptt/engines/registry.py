"""The registry of this project's engines: what each is called, its dtype, and how it is used.

V symbols, H hidden units, T characters in a window. Everything that compares engines draws them
from here: training, lockstep, certificates, the verifier's own problems.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

import reference
import torch_impl
from reference import Gradients, Hyperparameters, Parameters
from torch_impl import convert

from ..settings import Settings
from . import gradients

Window = tuple[np.ndarray, np.ndarray, np.ndarray]  # inputs, targets, initial state
TensorGradient = Callable[
    [torch_impl.Parameters, Tensor, Tensor, Tensor, float | None], torch_impl.Gradients
]


@dataclass(frozen=True)
class Engine:
    """An implementation of the network in one dtype, "float64" or "float32".

    `name` is that of `bptt train --engine`, `title` is for sentences. `gradient` computes a
    window's gradient with the running clip, if one is given: of arrays, converted to `dtype` and
    back. `tensor_gradient` does the same with tensors of any dtype, if the engine has it. `start`
    has the arguments of reference.Training and returns the engine's own Training.

    >>> numpy, *others = ENGINES
    >>> numpy.gradient(parameters, (inputs, targets, initial_state), 5.0).Wha
    """

    name: str
    title: str
    dtype: str
    gradient: Callable[[Parameters, Window, float | None], Gradients]
    start: Callable[..., Any]
    tensor_gradient: TensorGradient | None = None

    @property
    def key(self) -> str:
        """Its name, with the dtype unless that is float64."""
        return self.name if self.dtype == "float64" else f"{self.name}-{self.dtype}"

    @property
    def description(self) -> str:
        return self.title if self.dtype == "float64" else f"{self.title} in {self.dtype}"


def over_tensors(
    gradient: TensorGradient, dtype: str
) -> Callable[[Parameters, Window, float | None], Gradients]:
    """Return a gradient of arrays that computes with tensors of a dtype."""

    def compute(parameters: Parameters, window: Window, clip: float | None) -> Gradients:
        inputs, targets, state = (torch.from_numpy(np.ascontiguousarray(part)) for part in window)
        own = getattr(torch, dtype)
        tensors = convert.from_reference(parameters, dtype=own)
        return convert.to_reference(gradient(tensors, inputs, targets, state.to(own), clip))

    return compute


def _numpy(parameters: Parameters, window: Window, clip: float | None) -> Gradients:
    return reference.backward(parameters, reference.forward(parameters, *window), clip)


def _twin(
    parameters: torch_impl.Parameters,
    inputs: Tensor,
    targets: Tensor,
    state: Tensor,
    clip: float | None,
) -> torch_impl.Gradients:
    trace = torch_impl.forward(parameters, inputs, targets, state)
    return torch_impl.backward(parameters, trace, clip)


def _compiled(
    parameters: torch_impl.Parameters,
    inputs: Tensor,
    targets: Tensor,
    state: Tensor,
    clip: float | None,
) -> torch_impl.Gradients:
    from torch_impl import fast  # only here: numba takes a second to import

    window = fast.differentiate_window(parameters, inputs, targets, state, clip)
    return torch_impl.Gradients(*window.gradients)


def _start_twin(text: np.ndarray, hyperparameters: Hyperparameters, **more: Any) -> Any:
    return torch_impl.Training(torch.from_numpy(text), hyperparameters, **more)


def _start_compiled(text: np.ndarray, hyperparameters: Hyperparameters, **more: Any) -> Any:
    from torch_impl import fast

    return fast.Training(text, hyperparameters, **more)


def _engines() -> tuple[Engine, ...]:
    made = [Engine("numpy", "the reference", "float64", _numpy, reference.Training)]
    for name, title, gradient, start in (
        ("torch", "the twin", _twin, _start_twin),
        ("fast", "the compiled engine", _compiled, _start_compiled),
    ):
        for dtype in ("float64", "float32"):
            begin = partial(start, dtype=getattr(torch, dtype))
            of_arrays = over_tensors(gradient, dtype)
            made.append(Engine(name, title, dtype, of_arrays, begin, gradient))
    return tuple(made)


ENGINES = _engines()


def gradient_engine(settings: Settings, parameters: Parameters) -> gradients.GradientEngine:
    """Return the engine that the settings name, to train with.

    Raises ModuleNotFoundError if it needs a library that is missing.
    """
    dtype = getattr(torch, settings.dtype)
    match settings.engine:
        case "numpy":
            return gradients.NumpyEngine(parameters)
        case "torch":
            return gradients.TorchEngine(convert.from_reference(parameters, dtype=dtype))
        case "fast":
            return gradients.CompiledEngine(
                parameters,
                seq_length=settings.seq_length,
                lanes=settings.lanes,
                dtype=dtype,
                dropout=gradients.dropout(settings),
            )
