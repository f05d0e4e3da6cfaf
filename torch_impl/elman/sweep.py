# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""A dense layer's recurrence in compiled code: states forward, gradients backward.

T steps, B lanes (the sequences of the batch), H hidden units. Sequences are contiguous and
unpadded, (T B, H), as users' tensors are; the block that is multiplied at every step has one row
per lane, padded to whole vectors. Lanes are independent, so threads can divide them among
themselves. The product for a batch of one has a loop of its own; the sums are the same.
"""

import numpy as np

from ..kernels.compiled import inlined, internal
from ..kernels.products import ROWS, loose, multiply_panels, multiply_row_panels
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
def columns_of(batch, H, panels, unit):
    """Return the width of a block: whole vectors or, for a batch of one, whole panels."""
    whole = panels.shape[1] if batch == 1 else unit
    return -(-H // whole) * whole


@internal
def sweep_forward(sequence, initial, batch, first, lanes, panels):
    """Overwrite pre-activations, which lack their recurrent term, by the states.

    Only `lanes` of the batch's lanes are computed, from `first` on. `initial` is (B, H), or has no
    rows and stands for zeros. `panels` are those of the recurrent matrix's transpose.
    """
    H, unit = sequence.shape[1], vector_length(sequence)
    whole = H // unit * unit
    width = columns_of(batch, H, panels, unit)
    state = np.zeros((_rows(batch, lanes), width), sequence.dtype)
    sums, scratch = np.empty_like(state), np.empty((1, unit), sequence.dtype)
    if initial.shape[0] > 0:
        for b in range(lanes):
            for i in range(H):
                state[b, i] = initial[first + b, i]
    for t in range(sequence.shape[0] // batch):
        if batch == 1:
            multiply_row_panels(sums, state, panels, H)
        else:
            multiply_panels(sums, loose(state), panels, H)
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
def sweep_backward(
    grad_preactivations, grad_initial, grad_states, states, batch, first, lanes, panels
):
    """Fill `grad_preactivations` and, unless it has no rows, `grad_initial`.

    `grad_states` is the loss gradient with respect to the states. Only `lanes` of the batch's lanes
    are computed, from `first` on. `panels` are those of the recurrent matrix.
    """
    H, unit = grad_preactivations.shape[1], vector_length(grad_preactivations)
    whole = H // unit * unit
    width = columns_of(batch, H, panels, unit)
    carried = np.zeros((_rows(batch, lanes), width), grad_preactivations.dtype)
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
            multiply_row_panels(carried, dh, panels, H)
        else:
            multiply_panels(carried, loose(dh), panels, H)
    for b in range(lanes):
        for i in range(H):
            grad_initial[first + b, i] = carried[b, i]
