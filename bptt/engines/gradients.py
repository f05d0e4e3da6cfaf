"""Every engine's gradient of a window, asked in the same way: for any update rule to work on.

V symbols, H hidden units, T characters a window, B lanes.
"""

import math
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

import reference
import torch_impl

from .names import PARAMETER_NAMES

Window = tuple[Int[np.ndarray, "T B"], Int[np.ndarray, "T B"], Float[Tensor, "H B"]]


@runtime_checkable
class Differentiator(Protocol):
    """Holds weights, and the gradients of the last window by the same names.

    `parameters` are changed in place by whoever learns. `final_state` is what the window ended
    with; `initial_signal`, of the same shape, is what its loss says of the states it began with.
    """

    parameters: dict[str, Tensor]
    gradients: dict[str, Tensor]

    @property
    def final_state(self) -> Float[Tensor, "H B"]: ...

    @property
    def initial_signal(self) -> Float[Tensor, "H B"]: ...

    def differentiate(self, window: Window, clip: float | None) -> float:
        """Return the window's loss in nats, summed over steps and lanes.

        `clip` is the running clip's bound, None for the plain gradient.

        Raises FloatingPointError where the numbers break down.
        """
        ...


class _Kept(Differentiator):
    """Holds what the last window ended with and said."""

    _final_state: Float[Tensor, "H B"]
    _initial_signal: Float[Tensor, "H B"]

    @property
    def final_state(self) -> Float[Tensor, "H B"]:
        return self._final_state

    @property
    def initial_signal(self) -> Float[Tensor, "H B"]:
        return self._initial_signal


class InNumPy(_Kept):
    """The reference's."""

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
        self._initial_signal = torch.from_numpy(np.hstack(signals))
        return float(sum(trace.loss for trace in traces))


class InTorch(_Kept):
    """The twin's."""

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
        self._initial_signal = torch.hstack(list(signals))
        return float(sum(float(trace.loss) for trace in traces))


class Compiled(Differentiator):
    """The fast engine's."""

    def __init__(
        self, parameters: reference.Parameters, *, seq_length: int, lanes: int, dtype: torch.dtype
    ) -> None:
        from torch_impl.fast.network import Network  # only here: numba may be missing

        H, V = parameters.Whx.shape
        self._network = Network(
            parameters,
            vocab_size=V,
            hidden_size=H,
            seq_length=seq_length,
            lanes=lanes,
            dtype=dtype,
        )
        self.parameters = named(self._network.weights)
        self.gradients = named(self._network.gradients)

    def differentiate(self, window: Window, clip: float | None) -> float:
        return self._network.differentiate(*window, math.inf if clip is None else clip)

    @property
    def final_state(self) -> Float[Tensor, "H B"]:
        return self._network.final_state

    @property
    def initial_signal(self) -> Float[Tensor, "H B"]:
        return self._network.initial_signal


def named(values: Iterable[Tensor]) -> dict[str, Tensor]:
    return dict(zip(PARAMETER_NAMES, values, strict=True))
