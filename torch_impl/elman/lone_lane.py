# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""The recurrence for a batch of one: threads share the hidden units and synchronise at every step.

T steps, H hidden units; sequences are (T, H). Tensors are passed as addresses, as in `layer`. The
threads exchange a step's vector through `rows`, two rows of H padded to whole vectors, all zero at
first: each step reads one row and writes the other. Every thread runs the same kernel, as number
`thread` of `threads`. The sums are those of `sweep`.
"""

import numpy as np

from ..kernels.addresses import matrix_at
from ..kernels.barrier import arrive
from ..kernels.compiled import inlined, kernel
from ..kernels.packing import panels_of
from ..kernels.products import loose, multiply_row_panels
from ..kernels.vectors import load, store, vector_length
from .sweep import activate, at, columns_of, load_end, store_end, through_activation


@inlined
def _units(H, unit, thread, threads):
    """Return the begin and end of this thread's hidden units, in whole vectors."""
    size = -(-H // (unit * threads)) * unit
    width = -(-H // unit) * unit
    return min(thread * size, width), min((thread + 1) * size, width)


@kernel
def lone_lane_forward(addresses, T, H, reverse, relu, rows, steps, thread, threads):
    """Run the recurrence forward, in place.

    `addresses` are those of (sequence, last, initial, weight). `sequence` holds the pre-activations
    without their recurrent term and receives the states.
    """
    zero = rows[0, 0]
    sequence, last = matrix_at(addresses[0], T, H, zero), matrix_at(addresses[1], 1, H, zero)
    initial, weight = matrix_at(addresses[2], 1, H, zero), matrix_at(addresses[3], H, H, zero)
    unit = vector_length(sequence)
    begin, end = _units(H, unit, thread, threads)
    panels = panels_of(loose(weight[begin:end].T), True)
    width = columns_of(1, end - begin, panels, unit)
    sums, scratch = np.zeros((1, width), weight.dtype), np.zeros((1, unit), weight.dtype)
    if initial.shape[0] > 0:
        for i in range(begin, min(end, H)):
            rows[0, i] = initial[0, i]
    arrive(steps, 1, thread, threads)
    for step in range(T):
        t = at(step, T, reverse)
        before, after = rows[step % 2 : step % 2 + 1], rows[1 - step % 2 : 2 - step % 2]
        if begin < end:
            multiply_row_panels(sums, before, panels, H)
        for i in range(begin, end, unit):
            whole = i + unit <= H
            preactivation = load(sequence, t, i) if whole else load_end(sequence, t, i, scratch)
            a = activate(load(sums, 0, i - begin) + preactivation, relu)
            store(after, 0, i, a)
            if whole:
                store(sequence, t, i, a)
            else:
                store_end(sequence, t, i, scratch, a)
        arrive(steps, step + 2, thread, threads)
    for i in range(begin, min(end, H)):
        last[0, i] = rows[T % 2, i]


@kernel
def lone_lane_backward(addresses, T, H, reverse, relu, rows, steps, thread, threads):
    """Compute the gradients of the pre-activations and, unless absent, of the initial state.

    `addresses` are those of (grad_preactivations, grad_initial, grad_states, grad_last, states,
    weight), as in sweep_backward.
    """
    zero = rows[0, 0]
    grad_preactivations, grad_initial = (
        matrix_at(addresses[0], T, H, zero),
        matrix_at(addresses[1], 1, H, zero),
    )
    grad_states, states = matrix_at(addresses[2], T, H, zero), matrix_at(addresses[4], T, H, zero)
    grad_last, weight = matrix_at(addresses[3], 1, H, zero), matrix_at(addresses[5], H, H, zero)
    unit = vector_length(grad_preactivations)
    begin, end = _units(H, unit, thread, threads)
    panels = panels_of(loose(weight[:, begin:end]), True)
    width = columns_of(1, end - begin, panels, unit)
    carried, scratch = np.zeros((1, width), weight.dtype), np.zeros((1, unit), weight.dtype)
    if grad_last.shape[0] > 0:
        for i in range(begin, min(end, H)):
            carried[0, i - begin] = grad_last[0, i]
    for step in range(T - 1, -1, -1):
        t = at(step, T, reverse)
        dh = rows[step % 2 : step % 2 + 1]
        for i in range(begin, end, unit):
            whole = i + unit <= H
            a = load(states, t, i) if whole else load_end(states, t, i, scratch)
            above = load(grad_states, t, i) if whole else load_end(grad_states, t, i, scratch)
            grad = through_activation(a, load(carried, 0, i - begin) + above, relu)
            store(dh, 0, i, grad)
            if whole:
                store(grad_preactivations, t, i, grad)
            else:
                store_end(grad_preactivations, t, i, scratch, grad)
        arrive(steps, T - step, thread, threads)
        if begin < end and (step > 0 or grad_initial.shape[0] > 0):
            multiply_row_panels(carried, dh, panels, H)
    if grad_initial.shape[0] > 0:
        for i in range(begin, min(end, H)):
            grad_initial[0, i] = carried[0, i - begin]
