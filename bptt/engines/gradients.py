"""Gradient engines: one interface to a window's gradient, whichever implementation computes it.

V symbols, H hidden units, T characters a window, B lanes. Lanes are a batch: parallel streams of
the text, each of which carries its own hidden state from window to window.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

import reference
import torch_impl

from ..settings import Settings
from .names import PARAMETER_NAMES

if TYPE_CHECKING:
    from torch_impl.fast.dropout import Dropout  # numba may be missing
    from torch_impl.fast.layout import Storage

Window = tuple[Int[np.ndarray, "T B"], Int[np.ndarray, "T B"], Float[Tensor, "H B"]]


class GradientEngine(ABC):
    """Computes a window's loss and gradients; holds the weights and the last window's gradients.

    `parameters` and `gradients` have the same names; an optimizer updates the parameters in place.
    `final_state` is the hidden state after the last window; `initial_state_gradient`, of the same
    shape, is the gradient of the window's loss with respect to the hidden state before it.
    `storages` are the parameters and the gradients in the compiled kernels' memory, for engines
    that have them there. An engine with dropout draws the masks of `iteration`, counted from 1.

    >>> engine = CompiledEngine(parameters, seq_length=35, lanes=1, dtype=torch.float32)
    >>> loss = engine.differentiate((inputs, targets, state), clip=5.0)
    >>> engine.parameters["Wha"] -= 0.1 * engine.gradients["Wha"]
    """

    parameters: dict[str, Tensor]
    gradients: dict[str, Tensor]
    storages: "tuple[Storage, Storage] | None" = None
    iteration: int = 1

    @property
    @abstractmethod
    def final_state(self) -> Float[Tensor, "H B"]: ...

    @property
    @abstractmethod
    def initial_state_gradient(self) -> Float[Tensor, "H B"]: ...

    @abstractmethod
    def differentiate(self, window: Window, clip: float | None) -> float:
        """Compute the gradients; return the window's loss in nats, summed over steps and lanes.

        `window` holds inputs and targets, as indices, and the initial states. `clip` is the bound
        of the running clip, None for the plain gradient.

        Raises FloatingPointError if a number overflows.
        """

    def square_root(self, values: Tensor) -> Tensor:
        """Return the square roots as this implementation's Adagrad takes them."""
        # NumPy's are rounded correctly, as those of compiled code are.
        return torch.from_numpy(np.sqrt(values.numpy()))


class _Kept(GradientEngine):
    """Stores the last window's final state and the gradient with respect to its initial state."""

    _final_state: Float[Tensor, "H B"]
    _initial_state_gradient: Float[Tensor, "H B"]

    @property
    def final_state(self) -> Float[Tensor, "H B"]:
        return self._final_state

    @property
    def initial_state_gradient(self) -> Float[Tensor, "H B"]:
        return self._initial_state_gradient


class NumpyEngine(_Kept):
    """The reference implementation, in NumPy and float64."""

    def __init__(self, parameters: reference.Parameters) -> None:
        self._parameters = parameters.copy()
        self.parameters = named(map(torch.from_numpy, self._parameters))

    def differentiate(self, window: Window, clip: float | None) -> float:
        inputs, targets, state = window[0], window[1], window[2].numpy()
        traces = [
            reference.forward(self._parameters, inputs[:, b], targets[:, b], state[:, b : b + 1])
            for b in range(inputs.shape[1])
        ]
        gradients = self._parameters.zeros_like()
        nothing = [np.zeros_like(self._parameters.bh)] * len(traces)
        signals = reference.backward_windows(self._parameters, gradients, traces, nothing, clip)
        self.gradients = named(map(torch.from_numpy, gradients))
        self._final_state = torch.from_numpy(np.hstack([trace.final_state for trace in traces]))
        self._initial_state_gradient = torch.from_numpy(np.hstack(signals))
        return float(sum(trace.loss for trace in traces))


class TorchEngine(_Kept):
    """The reference's PyTorch twin, in the dtype of its parameters."""

    def __init__(self, parameters: torch_impl.Parameters) -> None:
        self._parameters = parameters.copy()
        self.parameters = named(self._parameters)

    def differentiate(self, window: Window, clip: float | None) -> float:
        inputs, targets = map(torch.from_numpy, window[:2])
        traces = [
            torch_impl.forward(
                self._parameters, inputs[:, b], targets[:, b], window[2][:, b : b + 1]
            )
            for b in range(inputs.shape[1])
        ]
        gradients = self._parameters.zeros_like()
        nothing = [torch.zeros_like(self._parameters.bh)] * len(traces)
        signals = torch_impl.backward_windows(self._parameters, gradients, traces, nothing, clip)
        self.gradients = named(gradients)
        self._final_state = torch.hstack([trace.final_state for trace in traces])
        self._initial_state_gradient = torch.hstack(list(signals))
        return float(sum(float(trace.loss) for trace in traces))

    def square_root(self, values: Tensor) -> Tensor:
        return torch.sqrt(values)  # from MKL: it may be off by one unit in the last place


class CompiledEngine(GradientEngine):
    """The fast engine's compiled kernels, for windows of one size."""

    def __init__(
        self,
        parameters: reference.Parameters,
        *,
        seq_length: int,
        lanes: int,
        dtype: torch.dtype,
        dropout: "Dropout | None" = None,
    ) -> None:
        from torch_impl.fast.dropout import NO_DROPOUT
        from torch_impl.fast.network import Network  # only here: numba may be missing

        H, V = parameters.Whx.shape
        self._network = Network(
            parameters,
            vocab_size=V,
            hidden_size=H,
            seq_length=seq_length,
            lanes=lanes,
            dtype=dtype,
            dropout=dropout or NO_DROPOUT,
        )
        self.storages = self._network.weights, self._network.gradients
        self.parameters, self.gradients = map(named, self.storages)

    def differentiate(self, window: Window, clip: float | None) -> float:
        bound = math.inf if clip is None else clip
        return self._network.differentiate(*window, bound, self.iteration)

    @property
    def final_state(self) -> Float[Tensor, "H B"]:
        return self._network.final_state

    @property
    def initial_state_gradient(self) -> Float[Tensor, "H B"]:
        return self._network.initial_signal


def dropout(settings: Settings) -> "Dropout":
    """Return the compiled engine's dropout for these settings."""
    from torch_impl.fast.dropout import Dropout

    return Dropout(settings.output_dropout, settings.recurrent_dropout, settings.seed)


def named(values: Iterable[Tensor]) -> dict[str, Tensor]:
    """Return one value for each parameter, in the order of every engine, by name."""
    return dict(zip(PARAMETER_NAMES, values, strict=True))
