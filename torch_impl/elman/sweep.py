# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""A dense layer's recurrence in compiled code: states forward, gradients backward.

T steps, B lanes (the sequences of the batch), H hidden units. Sequences are contiguous and
unpadded, as users' tensors are: step t has the rows offsets[t] to offsets[t + 1], one for each of
the first lanes; all steps have B rows unless the sequence is packed. With `reverse` the recurrence
runs from the last step to the first. The block that is multiplied at every step has one row per
lane, padded to whole vectors. Lanes are independent, so threads can divide them among themselves.
The product for a batch of one has a loop of its own; the sums are the same.
"""

import numpy as np

from ..kernels.compiled import inlined, internal
from ..kernels.products import ROWS, loose, multiply_panels, multiply_row_panels
from ..kernels.transcendental import tanh
from ..kernels.vectors import at_most, load, select, splat, store, vector_length


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


@inlined
def activate(x, relu):
    """Return relu(x) or tanh(x); NaN remains NaN."""
    if relu:
        zero = splat(x, 0.0)
        return select(at_most(x, zero), zero, x)
    return tanh(x)


@inlined
def through_activation(a, da, relu):
    """Return the gradient of the pre-activation, given the activation and its gradient."""
    if relu:
        zero = splat(a, 0.0)
        return select(at_most(a, zero), zero, da)
    return (splat(a, 1.0) - a * a) * da


@inlined
def at(step, T, reverse):
    """Return the place in the sequence of a step of the recurrence."""
    return T - 1 - step if reverse else step


@internal
def sweep_forward(sequence, last, initial, offsets, reverse, relu, first, lanes, panels):
    """Overwrite pre-activations, which lack their recurrent term, by the states.

    Only `lanes` of the lanes are computed, from `first` on. `initial` is (B, H), or has no rows and
    stands for zeros; `last` (B, H) receives each lane's last state. `panels` are those of the
    recurrent matrix's transpose.
    """
    H, unit, T = sequence.shape[1], vector_length(sequence), offsets.size - 1
    batch = last.shape[0]
    whole = H // unit * unit
    width = columns_of(batch, H, panels, unit)
    state = np.zeros((_rows(batch, lanes), width), sequence.dtype)
    sums, scratch = np.empty_like(state), np.empty((1, unit), sequence.dtype)
    if initial.shape[0] > 0:
        for b in range(lanes):
            for i in range(H):
                state[b, i] = initial[first + b, i]
    for step in range(T):
        t = at(step, T, reverse)
        top = offsets[t] + first
        active = min(lanes, offsets[t + 1] - top)  # in a packed sequence the first ones
        if active <= 0:
            continue
        if batch == 1:
            multiply_row_panels(sums, state, panels, H)
        else:
            rows = _rows(batch, active)
            multiply_panels(sums[:rows], loose(state[:rows]), panels, H)
        for b in range(active):
            row = top + b
            for i in range(0, whole, unit):
                a = activate(load(sums, b, i) + load(sequence, row, i), relu)
                store(state, b, i, a)
                store(sequence, row, i, a)
            if whole < H:
                end = load_end(sequence, row, whole, scratch)
                a = activate(load(sums, b, whole) + end, relu)
                store(state, b, whole, a)
                store_end(sequence, row, whole, scratch, a)
    for b in range(lanes):
        for i in range(H):
            last[first + b, i] = state[b, i]


@internal
def sweep_backward(
    grad_preactivations,
    grad_initial,
    grad_states,
    grad_last,
    states,
    offsets,
    reverse,
    relu,
    batch,
    first,
    lanes,
    panels,
):
    """Fill `grad_preactivations` and, unless it has no rows, `grad_initial`.

    `grad_states` and `grad_last` are the loss gradients with respect to the states and to each
    lane's last state; `grad_last` is (B, H), or has no rows and stands for zeros. Only `lanes` of
    the lanes are computed, from `first` on. `panels` are those of the recurrent matrix.
    """
    H, unit = grad_preactivations.shape[1], vector_length(grad_preactivations)
    T = offsets.size - 1
    whole = H // unit * unit
    width = columns_of(batch, H, panels, unit)
    carried = np.zeros((_rows(batch, lanes), width), grad_preactivations.dtype)
    dh, scratch = np.zeros_like(carried), np.empty((1, unit), grad_preactivations.dtype)
    packed = offsets[T] < T * batch
    products = np.empty_like(carried) if packed else carried
    if grad_last.shape[0] > 0:
        for b in range(lanes):
            for i in range(H):
                carried[b, i] = grad_last[first + b, i]
    for step in range(T - 1, -1, -1):
        t = at(step, T, reverse)
        top = offsets[t] + first
        active = min(lanes, offsets[t + 1] - top)
        if active <= 0:
            continue
        for b in range(active):
            row = top + b
            for i in range(0, whole, unit):
                da = load(carried, b, i) + load(grad_states, row, i)
                grad = through_activation(load(states, row, i), da, relu)
                store(dh, b, i, grad)
                store(grad_preactivations, row, i, grad)
            if whole < H:
                da = load(carried, b, whole) + load_end(grad_states, row, whole, scratch)
                grad = through_activation(load_end(states, row, whole, scratch), da, relu)
                store(dh, b, whole, grad)
                store_end(grad_preactivations, row, whole, scratch, grad)
        if step == 0 and grad_initial.shape[0] == 0:
            return
        if batch == 1:
            multiply_row_panels(carried, dh, panels, H)
        else:
            rows = _rows(batch, active)
            multiply_panels(products[:rows], loose(dh[:rows]), panels, H)
            if packed:  # the other lanes of a tile keep what they carry
                for b in range(active):
                    for i in range(H):
                        carried[b, i] = products[b, i]
    if grad_initial.shape[0] > 0:
        for b in range(lanes):
            for i in range(H):
                grad_initial[first + b, i] = carried[b, i]
