# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""A dense layer's forward and backward pass, in phases that several threads may share.

T steps, B lanes, I inputs, H hidden units. Sequences are contiguous: (T B, I) or (T B, H). An array
without rows stands for what is not given, or not wanted. Thread number `this` of `parts` computes
its share of a phase; all of a phase comes before any of the next. `size` is H, or what the rows of
the recurrent matrix are to be padded to.
"""

import numpy as np

from .compiled import inlined, kernel, part
from .gemm import gemm, transpose_into
from .products import ROWS, loose
from .sweep import sweep_backward, sweep_forward

# Loops instead of assignments to slices: for those numba compiles seconds' worth of error messages.
STRETCH = 64  # rows whose sum is taken alone, so that rounding grows with fewer of them


@kernel
def begin_states(states, inputs, weight_ih, bias_ih, bias_hh, this, parts):
    """First forward phase: write what each step gets from its input and the biases."""
    begin, end = _share(states.shape[0], this, parts, ROWS)
    with_bias = bias_ih.shape[0] > 0
    if with_bias:
        for row in range(begin, end):
            for i in range(states.shape[1]):
                states[row, i] = bias_ih[i] + bias_hh[i]
    gemm(loose(states[begin:end]), loose(inputs[begin:end]), loose(weight_ih.T), with_bias)


@kernel
def finish_states(states, initial, weight_hh, batch, size, this, parts):
    """Second forward phase: turn that into states."""
    H = states.shape[1]
    begin, end = _share(batch, this, parts, 1)
    if begin == end:
        return
    if batch > 1:
        matrix = np.zeros((size, size), states.dtype)
        transpose_into(matrix, loose(weight_hh))
    else:
        matrix = _padded(weight_hh, H, size)
    sweep_forward(states, initial, batch, begin, end - begin, matrix)


@kernel
def find_signals(signals, by_initial, from_above, states, weight_hh, batch, size, this, parts):
    """First backward phase: write the gradients by dh, and those by the initial states."""
    begin, end = _share(batch, this, parts, 1)
    if begin == end:
        return
    matrix = _padded(weight_hh, states.shape[1], size)
    sweep_backward(signals, by_initial, from_above, states, batch, begin, end - begin, matrix)


@kernel
def sum_signals(
    by_input,
    by_ih,
    by_hh,
    by_bias,
    signals,
    states,
    inputs,
    initial,
    weight_ih,
    batch,
    this,
    parts,
):
    """Second backward phase: write the other gradients."""
    N, H = states.shape
    begin, end = _share(H, this, parts, ROWS)
    mine = signals[:, begin:end]
    if initial.shape[0] > 0:
        gemm(loose(by_hh[begin:end]), loose(mine[:batch].T), loose(initial), False)
    else:
        for i in range(begin, end):
            for j in range(H):
                by_hh[i, j] = 0.0
    if batch < N:
        gemm(loose(by_hh[begin:end]), loose(mine[batch:].T), loose(states[: N - batch]), True)
    gemm(loose(by_ih[begin:end]), loose(mine.T), loose(inputs), False)
    _sum_rows(by_bias, signals, begin, end)
    if by_input.shape[0] > 0:
        begin, end = _share(N, this, parts, ROWS)
        gemm(loose(by_input[begin:end]), loose(signals[begin:end]), loose(weight_ih), False)


@inlined
def _share(count, this, parts, unit):
    """Return where a share begins and ends; shares begin at multiples of `unit`."""
    size = -(-count // (parts * unit)) * unit
    return min(this * size, count), min((this + 1) * size, count)


@part
def _padded(weight, H, size):
    """Return the weights, or a copy whose rows are longer."""
    if size == H:
        return weight
    matrix = np.zeros((size, size), weight.dtype)
    for i in range(H):
        for j in range(H):
            matrix[i, j] = weight[i, j]
    return matrix


@part
def _sum_rows(out, rows, begin, end):
    """Sum the columns begin : end over all rows."""
    for j in range(begin, end):
        out[j] = 0.0
    sums = np.empty_like(out)
    for first in range(0, rows.shape[0], STRETCH):
        for j in range(begin, end):
            sums[j] = 0.0
        for row in range(first, min(first + STRETCH, rows.shape[0])):
            for j in range(begin, end):
                sums[j] += rows[row, j]
        for j in range(begin, end):
            out[j] += sums[j]
