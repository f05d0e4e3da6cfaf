# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""The kernels of a layer's forward and backward pass, in phases for several threads.

T steps, B lanes (the sequences of the batch), I inputs, H hidden units. All tensors are
contiguous, sequences have the shape (T B, I) or (T B, H). Tensors are passed as addresses, 0 for
one that is absent or not wanted, which becomes a matrix without rows. The input is dense, or holds
indices (int64), which stand for one-hot vectors. Each of `threads` threads, number `thread`,
computes its portion of a phase; a phase must be complete before the next one begins.

Every number is a sum in one order, that of one chain of fused multiply-adds, however many threads
there are and whatever else is in the batch.
"""

import numpy as np

from ..kernels.addresses import matrix_at
from ..kernels.compiled import inlined, internal, kernel
from ..kernels.gemm import gemm
from ..kernels.packing import panels_of, transpose_into
from ..kernels.products import ROWS, loose
from .sweep import sweep_backward, sweep_forward

# Loops instead of slice assignments: for those numba spends seconds compiling error messages.
STRETCH = 64  # rows per partial sum, which keeps the rounding error of long sums small
FIRST, SECOND = 1, 2  # phases, as flags


@kernel
def layer_forward(addresses, shape, zero, phases, thread, threads):
    """Compute the states.

    `addresses` are those of (states, inputs, indices, initial, weight_ih, weight_hh, bias_ih,
    bias_hh); `shape` is (T, B, I, H); `zero` is a scalar of the tensors' dtype.
    """
    T, B, I, H = shape  # noqa: E741 - inputs
    states = matrix_at(addresses[0], T * B, H, zero)
    if phases & FIRST:  # input products and biases, for all steps at once
        inputs = matrix_at(addresses[1], T * B, I, zero)
        indices = matrix_at(addresses[2], 1, T * B, np.int64(0))
        weight_ih = matrix_at(addresses[4], H, I, zero)
        bias_ih, bias_hh = matrix_at(addresses[6], 1, H, zero), matrix_at(addresses[7], 1, H, zero)
        begin, end = _portion(T * B, thread, threads, ROWS)
        with_bias = bias_ih.shape[0] > 0
        for row in range(begin, end):
            for i in range(H):
                states[row, i] = bias_ih[0, i] + bias_hh[0, i] if with_bias else zero
        if indices.shape[0] > 0:
            _add_columns(states, weight_ih, indices, begin, end)
        else:
            gemm(loose(states[begin:end]), loose(inputs[begin:end]), loose(weight_ih.T), True)
    begin, end = _portion(B, thread, threads, ROWS)
    if phases & SECOND and begin < end:  # the recurrence, in place
        initial = matrix_at(addresses[3], B, H, zero)
        weight_hh = matrix_at(addresses[5], H, H, zero)
        panels = panels_of(loose(weight_hh.T), B == 1)
        sweep_forward(states, initial, B, begin, end - begin, panels)


@kernel
def layer_backward(addresses, shape, zero, phases, thread, threads):
    """Fill the six gradient buffers at the first six addresses.

    `addresses` are those of (grad_input, grad_initial, grad_weight_ih, grad_weight_hh, grad_bias,
    grad_preactivations, grad_states, states, inputs, indices, initial, weight_ih, weight_hh).
    `shape` is (T, B, I, H); `zero` is a scalar of the tensors' dtype.
    """
    T, B, I, H = shape  # noqa: E741 - inputs
    grad_preactivations = matrix_at(addresses[5], T * B, H, zero)
    states = matrix_at(addresses[7], T * B, H, zero)
    begin, end = _portion(B, thread, threads, ROWS)
    if phases & FIRST and begin < end:  # gradients of the pre-activations and initial states
        grad_initial = matrix_at(addresses[1], B, H, zero)
        grad_states = matrix_at(addresses[6], T * B, H, zero)
        panels = panels_of(loose(matrix_at(addresses[12], H, H, zero)), B == 1)
        sweep_backward(
            grad_preactivations, grad_initial, grad_states, states, B, begin, end - begin, panels
        )
    if phases & SECOND:  # the other gradients
        grad_weight_ih, grad_weight_hh = (
            matrix_at(addresses[2], H, I, zero),
            matrix_at(addresses[3], H, H, zero),
        )
        inputs, indices = (
            matrix_at(addresses[8], T * B, I, zero),
            matrix_at(addresses[9], 1, T * B, np.int64(0)),
        )
        initial = matrix_at(addresses[10], B, H, zero)
        begin, end = _portion(H, thread, threads, ROWS)
        portion = grad_preactivations[:, begin:end]
        for i in range(begin, end):
            for j in range(H):
                grad_weight_hh[i, j] = 0.0
        if initial.shape[0] > 0:
            gemm(loose(grad_weight_hh[begin:end]), loose(portion[:B].T), loose(initial), True)
        gemm(loose(grad_weight_hh[begin:end]), loose(portion[B:].T), loose(states[:-B]), True)
        if indices.shape[0] > 0:
            _sum_columns(grad_weight_ih, grad_preactivations, indices, begin, end)
        else:
            gemm(loose(grad_weight_ih[begin:end]), loose(portion.T), loose(inputs), False)
        _sum_rows(matrix_at(addresses[4], 1, H, zero), grad_preactivations, begin, end)
        grad_input = matrix_at(addresses[0], T * B, I, zero)
        if grad_input.shape[0] > 0:
            weight_ih = matrix_at(addresses[11], H, I, zero)
            begin, end = _portion(T * B, thread, threads, ROWS)
            gemm(
                loose(grad_input[begin:end]),
                loose(grad_preactivations[begin:end]),
                loose(weight_ih),
                False,
            )


@inlined
def _portion(count, thread, threads, unit):
    """Return the begin and end of this thread's portion of range(count), in multiples of `unit`."""
    size = -(-count // (threads * unit)) * unit
    return min(thread * size, count), min((thread + 1) * size, count)


@internal
def _add_columns(states, weight_ih, indices, begin, end):
    """Add to the rows begin : end of the states the columns that the indices name."""
    H, I = weight_ih.shape  # noqa: E741 - inputs
    if end - begin < I:  # too few to transpose all columns for
        for row in range(begin, end):
            for i in range(H):
                states[row, i] += weight_ih[i, indices[0, row]]
        return
    columns = np.empty((I, H), weight_ih.dtype)
    transpose_into(columns, weight_ih)
    for row in range(begin, end):
        for i in range(H):
            states[row, i] += columns[indices[0, row], i]


@internal
def _sum_columns(grad_weight_ih, grad_preactivations, indices, begin, end):
    """Compute the rows begin : end of the gradient of weight_ih, for an input of indices."""
    columns = np.zeros((grad_weight_ih.shape[1], end - begin), grad_weight_ih.dtype)
    for row in range(grad_preactivations.shape[0]):
        x = indices[0, row]
        for i in range(begin, end):
            columns[x, i - begin] += grad_preactivations[row, i]
    transpose_into(grad_weight_ih[begin:end], columns)


@internal
def _sum_rows(out, rows, begin, end):
    """Sum columns begin : end over all rows."""
    for j in range(begin, end):
        out[0, j] = 0.0
    sums = np.empty(out.shape[1], out.dtype)
    for first in range(0, rows.shape[0], STRETCH):
        for j in range(begin, end):
            sums[j] = 0.0
        for row in range(first, min(first + STRETCH, rows.shape[0])):
            for j in range(begin, end):
                sums[j] += rows[row, j]
        for j in range(begin, end):
            out[0, j] += sums[j]
