# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""A dense layer's whole forward and backward pass, each in one call and one thread.

T steps, B lanes, I inputs, H hidden units. Sequences are contiguous: (T B, I) or (T B, H). An array
without rows stands for what is not given, or not wanted. `size` is H rounded up for the sweeps.
"""

import numpy as np

from .compiled import kernel, part
from .gemm import gemm, transpose_into
from .products import loose
from .sweep import sweep_backward, sweep_forward

STRETCH = 64  # rows whose sum is taken alone, so that rounding grows with fewer of them


@kernel
def layer_forward(states, inputs, initial, weight_ih, weight_hh, bias_ih, bias_hh, batch, size):
    """Write the states after each step."""
    H = states.shape[1]
    with_bias = bias_ih.shape[0] > 0
    if with_bias:
        bias = bias_ih + bias_hh
        for row in range(states.shape[0]):
            states[row] = bias
    gemm(loose(states), loose(inputs), loose(weight_ih.T), with_bias)
    if batch > 1:
        matrix = np.zeros((size, size), states.dtype)
        transpose_into(matrix, loose(weight_hh))
    else:
        matrix = _with_rows_of(weight_hh, H, size)
    sweep_forward(states, initial, batch, 0, batch, matrix)


@kernel
def layer_backward(
    by_input,
    by_initial,
    by_ih,
    by_hh,
    by_bias,
    signals,
    from_above,
    states,
    inputs,
    initial,
    weight_ih,
    weight_hh,
    batch,
    size,
):
    """Write the gradients by all that is named by_…; `signals` is room for those by dh."""
    H, N = states.shape[1], states.shape[0]
    matrix = _with_rows_of(weight_hh, H, size)
    sweep_backward(signals, by_initial, from_above, states, batch, 0, batch, matrix)
    if initial.shape[0] > 0:
        gemm(loose(by_hh), loose(signals[:batch].T), loose(initial), False)
    else:
        by_hh[:] = 0.0
    if batch < N:
        gemm(loose(by_hh), loose(signals[batch:].T), loose(states[: N - batch]), True)
    gemm(loose(by_ih), loose(signals.T), loose(inputs), False)
    if by_input.shape[0] > 0:
        gemm(loose(by_input), loose(signals), loose(weight_ih), False)
    _sum_rows(by_bias, signals)


@part
def _with_rows_of(weight, H, size):
    """Return the weights, or a padded copy where rows are to be longer."""
    if size == H:
        return weight
    matrix = np.zeros((size, size), weight.dtype)
    for i in range(H):
        for j in range(H):
            matrix[i, j] = weight[i, j]
    return matrix


@part
def _sum_rows(out, rows):
    out[:] = 0.0
    sums = np.empty_like(out)
    for begin in range(0, rows.shape[0], STRETCH):
        sums[:] = 0.0
        for row in range(begin, min(begin + STRETCH, rows.shape[0])):
            for j in range(rows.shape[1]):
                sums[j] += rows[row, j]
        out += sums
