"""The compiled recurrence: all steps of a share of the lanes in one call, a thread a share.

T steps, B lanes (the batch), H hidden units. Importing this needs numba.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch
from torch import Tensor

from torch_impl.fast import sweep
from torch_impl.fast.layout import block, padded, padded_lanes


class Sweep:
    """A Recurrence for the CPU, float32 and float64."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def __repr__(self) -> str:
        return f"Sweep(threads={self.threads})"

    def forward(self, sequence: Tensor, initial: Tensor, weight: Tensor) -> None:
        T, B, H = sequence.shape
        flat, initial = sequence.view(T * B, H).detach().numpy(), initial.detach()
        matrix = _prepared(weight.detach(), transpose=B > 1, pad=B > 1).numpy()

        def run(first: int, lanes: int) -> None:
            state, sums, scratch = _blocks(lanes, B, H, sequence.dtype)
            state[:lanes, :H] = initial[first : first + lanes]
            arrays = state.numpy(), sums.numpy(), matrix, scratch.numpy()
            sweep.sweep_forward(flat, B, first, lanes, *arrays)

        self._share(run, B)

    def backward(self, signals: Tensor, states: Tensor, weight: Tensor) -> Tensor:
        T, B, H = signals.shape
        flat = signals.view(T * B, H).detach().numpy()
        flat_states = states.view(T * B, H).detach().numpy()
        matrix = _prepared(weight.detach(), transpose=False, pad=B > 1).numpy()
        by_initial = signals.new_empty(B, H)

        def run(first: int, lanes: int) -> None:
            dh, carried, scratch = _blocks(lanes, B, H, signals.dtype)
            arrays = dh.numpy(), carried.numpy(), matrix, scratch.numpy()
            sweep.sweep_backward(flat, flat_states, B, first, lanes, *arrays)
            by_initial[first : first + lanes] = carried[:lanes, :H]

        self._share(run, B)
        return by_initial

    def _share(self, run: Callable[[int, int], None], lanes: int) -> None:
        """Run on equal shares of the lanes; the first in this thread."""
        size = -(-lanes // self.threads)
        shares = [(first, min(size, lanes - first)) for first in range(0, lanes, size)]
        others = [_pool(self.threads).submit(run, *share) for share in shares[1:]]
        run(*shares[0])
        for other in others:
            other.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1, thread_name_prefix="elman")


def _blocks(lanes: int, batch: int, H: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Return two zero blocks of a padded row a lane, and a vector to write to.

    One row alone has kernels of its own, which want the weights another way round: of a larger
    batch, a share of one lane gets as many rows as one of several.
    """
    rows = 1 if batch == 1 else max(padded_lanes(lanes), padded_lanes(2))
    zeros = torch.zeros(2 * rows + 1, padded(H, dtype), dtype=dtype)
    return zeros[:rows], zeros[rows : 2 * rows], zeros[2 * rows :]


def _prepared(weight: Tensor, *, transpose: bool, pad: bool) -> Tensor:
    """Return a padded copy, or the weights where they serve as they are."""
    H = weight.shape[0]
    size = padded(H, weight.dtype)
    if not transpose and (size == H or (not pad and H % block(weight.dtype) == 0)):
        return weight
    out = weight.new_zeros(size, size)
    out[:H, :H] = weight.t() if transpose else weight
    return out
