"""The compiled recurrence: all steps in one call. Importing this needs numba.

T steps, B lanes (the batch), H hidden units.
"""

from torch import Tensor

from torch_impl.fast.layer import find_signals, finish_states
from torch_impl.fast.layout import block, padded

from .shapes import expect

SAME_SET_BYTES = 4096


class Sweep:
    """A Recurrence for the CPU, float32 and float64, in one thread."""

    def __repr__(self) -> str:
        return "Sweep()"

    def forward(self, sequence: Tensor, initial: Tensor | None, weight: Tensor) -> None:
        T, B, H = sequence.shape
        expect("weight_hh", weight, H, H)
        if initial is not None:
            expect("the initial state", initial, B, H)
        first_states = sequence.new_empty(0, 0) if initial is None else initial.contiguous()
        finish_states(
            sequence.view(T * B, H).detach().numpy(),
            first_states.detach().numpy(),
            weight.detach().contiguous().numpy(),
            B,
            rows_forward(weight, B),
            0,
            1,
        )

    def backward(
        self,
        signals: Tensor,
        by_initial: Tensor | None,
        from_above: Tensor,
        states: Tensor,
        weight: Tensor,
    ) -> None:
        T, B, H = states.shape
        expect("weight_hh", weight, H, H)
        expect("the gradients by the states", from_above, T, B, H)
        first_slopes = states.new_empty(0, 0) if by_initial is None else by_initial
        find_signals(
            signals.view(T * B, H).numpy(),
            first_slopes.numpy(),
            from_above.contiguous().view(T * B, H).detach().numpy(),
            states.view(T * B, H).detach().numpy(),
            weight.detach().contiguous().numpy(),
            B,
            rows_backward(weight, B),
            0,
            1,
        )


def rows_forward(weight: Tensor, lanes: int) -> int:
    """Return how long rows of the recurrent matrix should be: H, or more.

    Several lanes need a copy in any case, and one lane reads many rows side by side: they should
    not all begin in one set of a first-level cache.
    """
    size = len(weight)
    if lanes == 1 and size * weight.itemsize % SAME_SET_BYTES != 0:
        return rows_backward(weight, lanes)
    return padded(size, weight.dtype)


def rows_backward(weight: Tensor, lanes: int) -> int:
    """Return how long they should be on the way back, where one lane reads row after row."""
    size = len(weight)
    as_it_is = lanes == 1 and size % block(weight.dtype) == 0
    return size if as_it_is else padded(size, weight.dtype)
