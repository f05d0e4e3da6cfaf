"""The recurrence of a layer, and how plain torch operations compute it.

T steps, B lanes (the batch), H hidden units. Every way computes a_t = tanh(p_t + a_{t-1} Wᵀ) in
place of p, and dh_t = (1 - a_t²) (da_t + dh_{t+1} W).
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class Recurrence(Protocol):
    """A way to compute it."""

    def forward(self, sequence: Tensor, initial: Tensor | None, weight: Tensor) -> None:
        """Turn contiguous (T, B, H) pre-activations into states; without `initial`, from zeros."""
        ...

    def backward(
        self,
        signals: Tensor,
        by_initial: Tensor | None,
        from_above: Tensor,
        states: Tensor,
        weight: Tensor,
    ) -> None:
        """Write the gradients by pre-activations and, unless None, by the initial states (B, H).

        `signals`, `from_above` (the gradients by the states) and `states` are (T, B, H); the first
        and the last are contiguous.
        """
        ...


class StepByStep:
    """One matrix product of torch's a step: any device, any float dtype."""

    def __repr__(self) -> str:
        return "StepByStep()"

    def forward(self, sequence: Tensor, initial: Tensor | None, weight: Tensor) -> None:
        before, transposed = initial, weight.t()
        for step in sequence.unbind(0):
            if before is not None:
                torch.addmm(step, before, transposed, out=step)
            before = step.tanh_()

    def backward(
        self,
        signals: Tensor,
        by_initial: Tensor | None,
        from_above: Tensor,
        states: Tensor,
        weight: Tensor,
    ) -> None:
        slopes = torch.addcmul(states.new_ones(()), states, states, value=-1)
        after = None
        steps = (reversed(tensor.unbind(0)) for tensor in (from_above, slopes, signals))
        for da, slope, signal in zip(*steps, strict=True):
            if after is None:
                torch.mul(da, slope, out=signal)
            else:
                torch.addmm(da, after, weight, out=signal).mul_(slope)
            after = signal
        if by_initial is not None:
            torch.mm(signals[0], weight, out=by_initial)
