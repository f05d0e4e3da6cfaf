# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""The kernels of a dense layer's forward and backward pass, in phases for several threads.

T steps, B lanes (the sequences of the batch), I inputs, H hidden units. All tensors are
contiguous, sequences have the shape (T B, I) or (T B, H). Tensors are passed as addresses, 0 for
one that is absent or not wanted, which becomes a matrix without rows. Each of `threads` threads,
number `thread`, computes its portion of a phase; a phase must be complete before the next one
begins. For B = 1, `size` is the row length that the recurrent matrix is to be padded to, or H for
no padding.
"""

import numpy as np

from ..kernels.addresses import matrix_at
from ..kernels.compiled import inlined, internal, kernel
from ..kernels.gemm import gemm
from ..kernels.packing import panels_of
from ..kernels.products import ROWS, loose
from .sweep import sweep_backward, sweep_forward

# Loops instead of slice assignments: for those numba spends seconds compiling error messages.
STRETCH = 64  # rows per partial sum, which keeps the rounding error of long sums small
FIRST, SECOND = 1, 2  # phases, as flags


@kernel
def layer_forward(addresses, shape, zero, size, phases, thread, threads):
    """Compute the states.

    `addresses` are those of (states, inputs, initial, weight_ih, weight_hh, bias_ih, bias_hh);
    `shape` is (T, B, I, H); `zero` is a scalar of the tensors' dtype.
    """
    T, B, I, H = shape  # noqa: E741 - inputs
    states = matrix_at(addresses[0], T * B, H, zero)
    if phases & FIRST:  # input products and biases, for all steps at once
        inputs = matrix_at(addresses[1], T * B, I, zero)
        weight_ih = matrix_at(addresses[3], H, I, zero)
        bias_ih, bias_hh = matrix_at(addresses[5], 1, H, zero), matrix_at(addresses[6], 1, H, zero)
        begin, end = _portion(T * B, thread, threads, ROWS)
        with_bias = bias_ih.shape[0] > 0
        if with_bias:
            for row in range(begin, end):
                for i in range(H):
                    states[row, i] = bias_ih[0, i] + bias_hh[0, i]
        gemm(loose(states[begin:end]), loose(inputs[begin:end]), loose(weight_ih.T), with_bias)
    begin, end = _portion(B, thread, threads, 1)
    if phases & SECOND and begin < end:  # the recurrence, in place
        initial = matrix_at(addresses[2], B, H, zero)
        matrix = weight_hh = matrix_at(addresses[4], H, H, zero)
        if B > 1:
            matrix = panels_of(loose(weight_hh.T))
        elif size > H:
            matrix = _padded(weight_hh, size)
        sweep_forward(states, initial, B, begin, end - begin, matrix)


@kernel
def layer_backward(addresses, shape, zero, size, phases, thread, threads):
    """Fill the six gradient buffers at the first six addresses.

    `addresses` are those of (grad_input, grad_initial, grad_weight_ih, grad_weight_hh, grad_bias,
    grad_preactivations, grad_states, states, inputs, initial, weight_ih, weight_hh). `shape` is
    (T, B, I, H); `zero` is a scalar of the tensors' dtype.
    """
    T, B, I, H = shape  # noqa: E741 - inputs
    grad_preactivations = matrix_at(addresses[5], T * B, H, zero)
    states = matrix_at(addresses[7], T * B, H, zero)
    begin, end = _portion(B, thread, threads, 1)
    if phases & FIRST and begin < end:  # gradients of the pre-activations and initial states
        grad_initial = matrix_at(addresses[1], B, H, zero)
        grad_states = matrix_at(addresses[6], T * B, H, zero)
        matrix = weight_hh = matrix_at(addresses[11], H, H, zero)
        if B > 1:
            matrix = panels_of(loose(weight_hh))
        elif size > H:
            matrix = _padded(weight_hh, size)
        sweep_backward(
            grad_preactivations, grad_initial, grad_states, states, B, begin, end - begin, matrix
        )
    if phases & SECOND:  # the other gradients
        grad_weight_ih, grad_weight_hh = (
            matrix_at(addresses[2], H, I, zero),
            matrix_at(addresses[3], H, H, zero),
        )
        inputs, initial = (
            matrix_at(addresses[8], T * B, I, zero),
            matrix_at(addresses[9], B, H, zero),
        )
        begin, end = _portion(H, thread, threads, ROWS)
        portion = grad_preactivations[:, begin:end]
        for i in range(begin, end):
            for j in range(H):
                grad_weight_hh[i, j] = 0.0
        if initial.shape[0] > 0:
            gemm(loose(grad_weight_hh[begin:end]), loose(portion[:B].T), loose(initial), True)
        gemm(loose(grad_weight_hh[begin:end]), loose(portion[B:].T), loose(states[:-B]), True)
        gemm(loose(grad_weight_ih[begin:end]), loose(portion.T), loose(inputs), False)
        _sum_rows(matrix_at(addresses[4], 1, H, zero), grad_preactivations, begin, end)
        grad_input = matrix_at(addresses[0], T * B, I, zero)
        if grad_input.shape[0] > 0:
            weight_ih = matrix_at(addresses[10], H, I, zero)
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
def _padded(weight, size):
    """Return a copy padded with zeros to (size, size)."""
    H = weight.shape[0]
    matrix = np.zeros((size, size), weight.dtype)
    for i in range(H):
        for j in range(H):
            matrix[i, j] = weight[i, j]
    return matrix


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
