# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""The kernels of a layer's forward and backward pass, in phases for several threads.

T steps, B lanes (the sequences of the batch), I inputs, H hidden units. All tensors are
contiguous; sequences have the rows of `sweep`. Tensors are passed as addresses, 0 for
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
from .sweep import at, sweep_backward, sweep_forward

# Loops instead of slice assignments: for those numba spends seconds compiling error messages.
STRETCH = 64  # rows per partial sum, which keeps the rounding error of long sums small
FIRST, SECOND = 1, 2  # phases, as flags


@kernel
def layer_forward(addresses, shape, offsets, reverse, relu, zero, phases, thread, threads):
    """Compute the states.

    `addresses` are those of (states, last, inputs, indices, initial, weight_ih, weight_hh, bias_ih,
    bias_hh); `shape` is (B, I, H); `zero` is a scalar of the tensors' dtype. `offsets`, `reverse`
    and `relu` are those of `sweep`.
    """
    B, I, H = shape  # noqa: E741 - inputs
    count = offsets[-1]
    states = matrix_at(addresses[0], count, H, zero)
    if phases & FIRST:  # input products and biases, for all steps at once
        inputs = matrix_at(addresses[2], count, I, zero)
        indices = matrix_at(addresses[3], 1, count, np.int64(0))
        weight_ih = matrix_at(addresses[5], H, I, zero)
        bias_ih, bias_hh = matrix_at(addresses[7], 1, H, zero), matrix_at(addresses[8], 1, H, zero)
        begin, end = _portion(count, thread, threads, ROWS)
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
        last = matrix_at(addresses[1], B, H, zero)
        initial = matrix_at(addresses[4], B, H, zero)
        weight_hh = matrix_at(addresses[6], H, H, zero)
        panels = panels_of(loose(weight_hh.T), B == 1)
        lanes = end - begin
        sweep_forward(states, last, initial, offsets, reverse, relu, begin, lanes, panels)


@kernel
def layer_backward(addresses, shape, offsets, reverse, relu, zero, phases, thread, threads):
    """Fill the gradient buffers at the first six addresses.

    `addresses` are those of (grad_input, grad_initial, grad_weight_ih, grad_weight_hh, grad_bias,
    grad_preactivations, grad_states, grad_last, states, inputs, indices, initial, weight_ih,
    weight_hh). `shape` is (B, I, H); the other arguments are those of `layer_forward`.
    """
    B, I, H = shape  # noqa: E741 - inputs
    count = offsets[-1]
    grad_preactivations = matrix_at(addresses[5], count, H, zero)
    states, initial = matrix_at(addresses[8], count, H, zero), matrix_at(addresses[11], B, H, zero)
    begin, end = _portion(B, thread, threads, ROWS)
    if phases & FIRST and begin < end:  # gradients of the pre-activations and initial states
        panels = panels_of(loose(matrix_at(addresses[13], H, H, zero)), B == 1)
        sweep_backward(
            grad_preactivations,
            matrix_at(addresses[1], B, H, zero),
            matrix_at(addresses[6], count, H, zero),
            matrix_at(addresses[7], B, H, zero),
            states,
            offsets,
            reverse,
            relu,
            B,
            begin,
            end - begin,
            panels,
        )
    if phases & SECOND:  # the other gradients
        grad_weight_ih, grad_weight_hh = (
            matrix_at(addresses[2], H, I, zero),
            matrix_at(addresses[3], H, H, zero),
        )
        inputs, indices = (
            matrix_at(addresses[9], count, I, zero),
            matrix_at(addresses[10], 1, count, np.int64(0)),
        )
        begin, end = _portion(H, thread, threads, ROWS)
        portion = grad_preactivations[:, begin:end]
        if grad_weight_hh.shape[0] > 0:
            _recurrent_gradient(
                grad_weight_hh[begin:end], portion, states, initial, B, offsets, reverse
            )
        if grad_weight_ih.shape[0] > 0:
            if indices.shape[0] > 0:
                _sum_columns(grad_weight_ih, grad_preactivations, indices, begin, end)
            else:
                gemm(loose(grad_weight_ih[begin:end]), loose(portion.T), loose(inputs), False)
        grad_bias = matrix_at(addresses[4], 1, H, zero)
        if grad_bias.shape[0] > 0:
            _sum_rows(grad_bias, grad_preactivations, begin, end)
        grad_input = matrix_at(addresses[0], count, I, zero)
        if grad_input.shape[0] > 0:
            weight_ih = matrix_at(addresses[12], H, I, zero)
            begin, end = _portion(count, thread, threads, ROWS)
            gemm(
                loose(grad_input[begin:end]),
                loose(grad_preactivations[begin:end]),
                loose(weight_ih),
                False,
            )


@internal
def _recurrent_gradient(grad, portion, states, initial, B, offsets, reverse):
    """Compute the product of `portion`, transposed, and the states that each row came from."""
    count, T = offsets[-1], offsets.size - 1
    if count < T * B:
        before = np.zeros((count, states.shape[1]), states.dtype)
        for step in range(T):
            t = at(step, T, reverse)
            source, known = 0, 0  # the row of the first lane one step earlier, and how many follow
            if step > 0:
                earlier = at(step - 1, T, reverse)
                source = offsets[earlier]
                known = offsets[earlier + 1] - source
            for b in range(offsets[t + 1] - offsets[t]):
                for i in range(states.shape[1]):
                    if b < known:
                        before[offsets[t] + b, i] = states[source + b, i]
                    elif initial.shape[0] > 0:
                        before[offsets[t] + b, i] = initial[b, i]
        gemm(loose(grad), loose(portion.T), loose(before), False)
        return
    first = count - B if reverse else 0
    for i in range(grad.shape[0]):
        for j in range(grad.shape[1]):
            grad[i, j] = 0.0
    if initial.shape[0] > 0:
        gemm(loose(grad), loose(portion[first : first + B].T), loose(initial), True)
    if reverse:
        gemm(loose(grad), loose(portion[:-B].T), loose(states[B:]), True)
    else:
        gemm(loose(grad), loose(portion[B:].T), loose(states[:-B]), True)


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
