"""The compiled recurrence: all steps of a share of the lanes in one call, a thread a share.

T steps, B lanes (the batch), H hidden units. Importing this needs numba.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import torch
from torch import Tensor

from torch_impl.fast import sweep
from torch_impl.fast.layout import block, padded


class Sweep:
    """A Recurrence for the CPU, float32 and float64."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def __repr__(self) -> str:
        return f"Sweep(threads={self.threads})"

    def forward(self, sequence: Tensor, initial: Tensor | None, weight: Tensor) -> None:
        T, B, H = sequence.shape
        first_states = sequence.new_empty(0, 0) if initial is None else initial.contiguous()
        arrays = sequence.view(T * B, H).detach().numpy(), first_states.detach().numpy()
        matrix = _prepared(weight.detach(), transpose=B > 1, pad=B > 1).numpy()
        self._share(lambda first, lanes: sweep.sweep_forward(*arrays, B, first, lanes, matrix), B)

    def backward(
        self, from_above: Tensor, states: Tensor, weight: Tensor, wants_initial: bool
    ) -> tuple[Tensor, Tensor]:
        T, B, H = states.shape
        signals = torch.empty_like(states)
        by_initial = states.new_empty((B, H) if wants_initial else (0, 0))
        arrays = (
            signals.view(T * B, H).numpy(),
            by_initial.numpy(),
            from_above.contiguous().view(T * B, H).detach().numpy(),
            states.view(T * B, H).detach().numpy(),
        )
        matrix = _prepared(weight.detach(), transpose=False, pad=B > 1).numpy()
        self._share(lambda first, lanes: sweep.sweep_backward(*arrays, B, first, lanes, matrix), B)
        return signals, by_initial

    def _share(self, run: Callable[[int, int], None], lanes: int) -> None:
        """Run on equal shares of the lanes; the first in this thread."""
        if self.threads == 1:
            run(0, lanes)
            return
        size = -(-lanes // self.threads)
        shares = [(first, min(size, lanes - first)) for first in range(0, lanes, size)]
        others = [_pool(self.threads).submit(run, *share) for share in shares[1:]]
        run(*shares[0])
        for other in others:
            other.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1, thread_name_prefix="elman")


def _prepared(weight: Tensor, *, transpose: bool, pad: bool) -> Tensor:
    """Return a padded copy, or the weights where they serve as they are: contiguous, whole vectors.

    `pad` asks for rows that caches like, which pays where several lanes share what is read.
    """
    H = weight.shape[0]
    size = padded(H, weight.dtype)
    if not transpose and (size == H or (not pad and H % block(weight.dtype) == 0)):
        return weight.contiguous()
    out = weight.new_zeros(size, size)
    out[:H, :H] = weight.t() if transpose else weight
    return out
