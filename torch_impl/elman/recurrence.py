"""A layer's recurrence: the interface, and an implementation in plain torch operations.

T steps, B lanes (the sequences of the batch), H hidden units. Every implementation computes
a_t = tanh(p_t + a_{t-1} Wᵀ), overwriting p, and dh_t = (1 - a_t²) (da_t + dh_{t+1} W).
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class Recurrence(Protocol):
    """An implementation of the recurrence."""

    def forward(self, sequence: Tensor, initial: Tensor | None, weight: Tensor) -> None:
        """Overwrite the pre-activations in `sequence` by the states.

        `sequence` is contiguous, (T, B, H), without the recurrent term; `initial` is (B, H), None
        for zeros.
        """
        ...

    def backward(
        self,
        signals: Tensor,
        by_initial: Tensor | None,
        from_above: Tensor,
        states: Tensor,
        weight: Tensor,
    ) -> None:
        """Compute the gradients of the pre-activations, in `signals`, and of the initial states.

        `by_initial` (B, H) receives the latter unless it is None. `from_above` is the loss gradient
        with respect to the states. It, `signals` and `states` are (T, B, H); the latter two are
        contiguous.
        """
        ...


class StepByStep:
    """One torch matrix product per time step, for any device and float dtype."""

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
