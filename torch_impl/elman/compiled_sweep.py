"""The compiled recurrence: all time steps in one call. Importing this requires numba.

T steps, B lanes (the sequences of the batch), H hidden units.
"""

from functools import cache

import torch
from torch import Tensor

from torch_impl.elman.layer import FIRST, SECOND, layer_backward, layer_forward
from torch_impl.kernels.padding import block, padded

from .memory import ZEROS, address, readable, writable

SAME_SET_BYTES = 4096


class Sweep:
    """The Recurrence in compiled code: one thread of a CPU, float32 and float64."""

    def __repr__(self) -> str:
        return "Sweep()"

    def forward(self, sequence: Tensor, initial: Tensor | None, weight: Tensor) -> None:
        T, B, H = sequence.shape
        writable("the states", sequence, sequence, T, B, H)
        if initial is not None:
            initial = readable("the initial state", initial, sequence, B, H)
        matrix = readable("weight_hh", weight, sequence, H, H)
        addresses = sequence.data_ptr(), 0, address(initial), 0, matrix.data_ptr(), 0, 0
        zero, size = ZEROS[sequence.dtype], rows_forward(H, weight.dtype, B)
        layer_forward(addresses, (T, B, 1, H), zero, size, SECOND, 0, 1)

    def backward(
        self,
        grad_preactivations: Tensor,
        grad_initial: Tensor | None,
        grad_states: Tensor,
        states: Tensor,
        weight: Tensor,
    ) -> None:
        T, B, H = states.shape
        writable("the gradient of the pre-activations", grad_preactivations, states, T, B, H)
        if grad_initial is not None:
            writable("the gradient of the initial state", grad_initial, states, B, H)
        above = readable("the gradient of the states", grad_states, states, T, B, H)
        read = readable("the states", states, states, T, B, H)
        matrix = readable("weight_hh", weight, states, H, H)
        written = 0, address(grad_initial), 0, 0, 0, grad_preactivations.data_ptr()
        addresses = *written, above.data_ptr(), read.data_ptr(), 0, 0, 0, matrix.data_ptr()
        zero, size = ZEROS[states.dtype], rows_backward(H, weight.dtype, B)
        layer_backward(addresses, (T, B, 1, H), zero, size, FIRST, 0, 1)


@cache
def rows_forward(size: int, dtype: torch.dtype, lanes: int) -> int:
    """Return the row length of the recurrent matrix in the forward pass: H, or H padded.

    A batch of several sequences copies the matrix anyway. A batch of one reads many rows side by
    side, which must not all start in the same set of the L1 cache.
    """
    if lanes == 1 and size * dtype.itemsize % SAME_SET_BYTES != 0:
        return rows_backward(size, dtype, lanes)
    return padded(size, dtype)


@cache
def rows_backward(size: int, dtype: torch.dtype, lanes: int) -> int:
    """Return the row length in the backward pass, where a batch of one reads row after row."""
    as_it_is = lanes == 1 and size % block(dtype) == 0
    return size if as_it_is else padded(size, dtype)
