"""The compiled recurrence: all steps of a share of the lanes in one call, a thread a share.

T steps, B lanes (the batch), H hidden units. Importing this needs numba.
"""

from torch import Tensor

from torch_impl.fast import sweep
from torch_impl.fast.layout import block, padded

from .shapes import expect
from .threads import share

SAME_SET_BYTES = 4096


class Sweep:
    """A Recurrence for the CPU, float32 and float64."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def __repr__(self) -> str:
        return f"Sweep(threads={self.threads})"

    def forward(self, sequence: Tensor, initial: Tensor | None, weight: Tensor) -> None:
        T, B, H = sequence.shape
        expect("weight_hh", weight, H, H)
        if initial is not None:
            expect("the initial state", initial, B, H)
        first_states = sequence.new_empty(0, 0) if initial is None else initial.contiguous()
        arrays = sequence.view(T * B, H).detach().numpy(), first_states.detach().numpy()
        matrix = _prepared(weight.detach(), B, transpose=B > 1).numpy()
        share(
            lambda first, lanes: sweep.sweep_forward(*arrays, B, first, lanes, matrix),
            B,
            self.threads,
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
        arrays = (
            signals.view(T * B, H).numpy(),
            first_slopes.numpy(),
            from_above.contiguous().view(T * B, H).detach().numpy(),
            states.view(T * B, H).detach().numpy(),
        )
        matrix = _prepared(weight.detach(), B, transpose=False).numpy()
        share(
            lambda first, lanes: sweep.sweep_backward(*arrays, B, first, lanes, matrix),
            B,
            self.threads,
        )


def rounded(weight: Tensor, lanes: int, *, transpose: bool) -> int:
    """Return H, where contiguous weights serve as they are, or what their rows are padded to.

    One lane reads them only once a step. Rows that caches dislike are then as good as others, but
    for those that begin in the same set of a first-level cache.
    """
    H = weight.shape[0]
    size = padded(H, weight.dtype)
    once = lanes == 1 and H % block(weight.dtype) == 0 and H * weight.itemsize % SAME_SET_BYTES != 0
    return H if (once or size == H) and not transpose else size


def _prepared(weight: Tensor, lanes: int, *, transpose: bool) -> Tensor:
    """Return the weights, or a padded copy."""
    H = weight.shape[0]
    size = rounded(weight, lanes, transpose=transpose)
    if size == H and not transpose:
        return weight.contiguous()
    out = weight.new_zeros(size, size)
    out[:H, :H] = weight.t() if transpose else weight
    return out
