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
        grad_preactivations: Tensor,
        grad_initial: Tensor | None,
        grad_states: Tensor,
        states: Tensor,
        weight: Tensor,
    ) -> None:
        """Fill `grad_preactivations` and, unless it is None, `grad_initial` (B, H).

        `grad_states` is the loss gradient with respect to the states. It, `grad_preactivations` and
        `states` are (T, B, H); the latter two are contiguous.
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
        grad_preactivations: Tensor,
        grad_initial: Tensor | None,
        grad_states: Tensor,
        states: Tensor,
        weight: Tensor,
    ) -> None:
        derivatives = torch.addcmul(states.new_ones(()), states, states, value=-1)
        after = None
        steps = (
            reversed(tensor.unbind(0)) for tensor in (grad_states, derivatives, grad_preactivations)
        )
        for da, derivative, grad in zip(*steps, strict=True):
            if after is None:
                torch.mul(da, derivative, out=grad)
            else:
                torch.addmm(da, after, weight, out=grad).mul_(derivative)
            after = grad
        if grad_initial is not None:
            torch.mm(grad_preactivations[0], weight, out=grad_initial)
