# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""A dense layer's recurrence in compiled code: states forward, gradients backward.

T steps, B lanes (the sequences of the batch), H hidden units. Sequences are contiguous and
unpadded, (T B, H), as users' tensors are; the block that is multiplied at every step has one row
per lane, padded to whole vectors. Lanes are independent, so threads can divide them among
themselves. A batch of one uses other products, which need the recurrent matrix untransposed in the
forward pass.
"""

import numpy as np

from ..kernels.compiled import inlined, internal
from ..kernels.products import ROWS, loose, multiply_block, multiply_panels, multiply_row
from ..kernels.transcendental import tanh
from ..kernels.vectors import load, splat, store, vector_length


@inlined
def load_end(sequence, row, i, scratch):
    """Load the rest of a row from column i on, followed by zeros."""
    store(scratch, 0, 0, splat(scratch, 0.0))
    for column in range(i, sequence.shape[1]):
        scratch[0, column - i] = sequence[row, column]
    return load(scratch, 0, 0)


@inlined
def store_end(sequence, row, i, scratch, values):
    store(scratch, 0, 0, values)
    for column in range(i, sequence.shape[1]):
        sequence[row, column] = scratch[0, column - i]


@inlined
def _rows(batch, lanes):
    """Return the number of rows of a block: whole tiles, except for a batch of one."""
    return 1 if batch == 1 else -(-lanes // ROWS) * ROWS


@inlined
def _columns(batch, H, W, unit):
    """Return the width of a block: the matrix's for a batch of one, else H in whole vectors."""
    return W.shape[1] if batch == 1 else -(-H // unit) * unit


@internal
def sweep_forward(sequence, initial, batch, first, lanes, W):
    """Overwrite pre-activations, which lack their recurrent term, by the states.

    Only `lanes` of the batch's lanes are computed, from `first` on. `initial` is (B, H), or has no
    rows and stands for zeros. For a batch of one, W is the recurrent matrix, (H, H) or padded with
    zeros to whole vectors in both dimensions; otherwise it is the transpose in panels.
    """
    H, unit = sequence.shape[1], vector_length(sequence)
    whole = H // unit * unit
    state = np.zeros((_rows(batch, lanes), _columns(batch, H, W, unit)), sequence.dtype)
    sums, scratch = np.empty_like(state), np.empty((1, unit), sequence.dtype)
    if initial.shape[0] > 0:
        for b in range(lanes):
            for i in range(H):
                state[b, i] = initial[first + b, i]
    for t in range(sequence.shape[0] // batch):
        if batch == 1:
            for i in range(0, state.shape[1], unit):
                multiply_block(sums, W, state, i)
        else:
            multiply_panels(sums, loose(state), W, H)
        for b in range(lanes):
            row = t * batch + first + b
            for i in range(0, whole, unit):
                a = tanh(load(sums, b, i) + load(sequence, row, i))
                store(state, b, i, a)
                store(sequence, row, i, a)
            if whole < H:
                a = tanh(load(sums, b, whole) + load_end(sequence, row, whole, scratch))
                store(state, b, whole, a)
                store_end(sequence, row, whole, scratch, a)


@internal
def sweep_backward(grad_preactivations, grad_initial, grad_states, states, batch, first, lanes, W):
    """Fill `grad_preactivations` and, unless it has no rows, `grad_initial`.

    `grad_states` is the loss gradient with respect to the states. Only `lanes` of the batch's lanes
    are computed, from `first` on. W is the recurrent matrix: for a batch of one as in
    `sweep_forward`, otherwise in panels.
    """
    H, unit = grad_preactivations.shape[1], vector_length(grad_preactivations)
    whole = H // unit * unit
    carried = np.zeros(
        (_rows(batch, lanes), _columns(batch, H, W, unit)), grad_preactivations.dtype
    )
    dh, scratch = np.zeros_like(carried), np.empty((1, unit), grad_preactivations.dtype)
    one = splat(grad_preactivations, 1.0)
    for t in range(grad_preactivations.shape[0] // batch - 1, -1, -1):
        for b in range(lanes):
            row = t * batch + first + b
            for i in range(0, whole, unit):
                a = load(states, row, i)
                grad = (one - a * a) * (load(carried, b, i) + load(grad_states, row, i))
                store(dh, b, i, grad)
                store(grad_preactivations, row, i, grad)
            if whole < H:
                a = load_end(states, row, whole, scratch)
                da = load(carried, b, whole) + load_end(grad_states, row, whole, scratch)
                grad = (one - a * a) * da
                store(dh, b, whole, grad)
                store_end(grad_preactivations, row, whole, scratch, grad)
        if t == 0 and grad_initial.shape[0] == 0:
            return
        if batch == 1:
            multiply_row(carried, dh, W, H)
        else:
            multiply_panels(carried, loose(dh), W, H)
    for b in range(lanes):
        for i in range(H):
            grad_initial[first + b, i] = carried[b, i]
