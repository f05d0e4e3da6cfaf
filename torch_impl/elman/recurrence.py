"""The recurrence of a layer, and how plain torch operations compute it.

T steps, B lanes (the batch), H hidden units. Every way computes a_t = tanh(p_t + a_{t-1} Wᵀ) in
place of p, and dh_t = (1 - a_t²) (da_t + dh_{t+1} W) in place of da.
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class Recurrence(Protocol):
    """A way to compute it."""

    def forward(self, sequence: Tensor, initial: Tensor, weight: Tensor) -> None:
        """Turn contiguous (T, B, H) pre-activations into states."""
        ...

    def backward(self, signals: Tensor, states: Tensor, weight: Tensor) -> Tensor:
        """Turn contiguous (T, B, H) gradients by states into those by pre-activations.

        Returns the gradient by the initial states, (B, H).
        """
        ...


class StepByStep:
    """One matrix product of torch's a step: any device, any float dtype."""

    def __repr__(self) -> str:
        return "StepByStep()"

    def forward(self, sequence: Tensor, initial: Tensor, weight: Tensor) -> None:
        before, transposed = initial, weight.t()
        for step in sequence.unbind(0):
            torch.addmm(step, before, transposed, out=step)
            before = step.tanh_()

    def backward(self, signals: Tensor, states: Tensor, weight: Tensor) -> Tensor:
        slopes = torch.addcmul(states.new_ones(()), states, states, value=-1)
        after = None
        for signal, slope in zip(
            reversed(signals.unbind(0)), reversed(slopes.unbind(0)), strict=True
        ):
            if after is not None:
                torch.addmm(signal, after, weight, out=signal)
            after = signal.mul_(slope)
        return torch.mm(signals[0], weight)
