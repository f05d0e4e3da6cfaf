# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""A window's forward pass: the hidden states step by step, then the logits of all steps at once."""

import math

from ..kernels.compiled import internal
from ..kernels.packing import transpose_into
from ..kernels.products import loose, multiply, multiply_block
from ..kernels.team import meet
from ..kernels.transcendental import exp, log, tanh
from ..kernels.vectors import greater, load, select, splat, store, vector_length
from .dropout import mask_outputs


@internal
def run_forward(weights, work, T, lanes, H, V):
    """Compute the states and dz from the initial states and the inputs; return the loss.

    The loss is in nats, summed over steps and streams. The indices must have been checked.
    """
    advance_states(weights, work, T, H)
    B = work.carried.shape[0]
    unit = vector_length(work.states)
    width = work.transposed_states.shape[1]
    first, last = work.terms
    for begin in range(first, last, width):
        mask_outputs(work, begin, min(begin + width, last))
        for i in range(0, work.states.shape[1], unit):
            for n in range(begin, min(begin + width, last, T * B)):
                for h in range(i, i + unit):
                    work.transposed_states[h, n - begin] = work.read[n + B, h]
        logits = work.dz[:, begin : min(begin + width, last)]
        multiply(logits, loose(weights.Wya), work.transposed_states, H, False)
    differentiate_loss(work, weights.by, first, last, lanes, V)
    meet(work.team)
    loss = 0.0
    for n in range(T * B):
        if n % B < lanes and work.targets[n] >= 0:
            loss += work.scratch[0, n]
            loss += work.scratch[1, n]
    return loss


@internal
def advance_states(weights, work, T, H):
    """Compute the state after every step: a_t = tanh(Wha a_{t-1} + Whx[:, x_t] + bh).

    With dropout of the recurrence, Wha reads masked states. A negative index stands for no input.
    The threads share the lanes or, at every step, a lone lane's hidden units.
    """
    B = work.carried.shape[0]
    unit = vector_length(work.states)
    begin, end = work.columns
    lane, lanes = work.lanes
    masked = work.dropout.recurrent > 0.0
    if B > 1:
        transpose_into(work.transposed, weights.Wha)
        begin, end = 0, work.states.shape[1]
    for t in range(T):
        n = t * B + lane
        before, after = work.recurrent[n : n + lanes], work.states[n + B : n + B + lanes]
        if B > 1:
            multiply(after, loose(before), work.transposed, H, False)
        for b in range(lanes):
            x = work.inputs[n + b]
            for column in range(begin, end, unit):
                # Every other step goes through the rows in reverse: the last ones are still in L1.
                i = column if t % 2 == 0 else begin + end - unit - column
                if B == 1:
                    multiply_block(after, weights.Wha, before, i)
                h = load(after, b, i)
                if x >= 0:
                    h = h + load(weights.Wxh, x, i)
                a = tanh(h + load(weights.bh, 0, i))
                store(after, b, i, a)
                if masked:
                    store(work.recurrent, n + B + b, i, a * load(work.kept, lane + b, i))
        if B == 1 or t == T - 1:
            meet(work.team)


@internal
def differentiate_loss(work, by, begin, end, lanes, V):
    """Replace the products Wya a in columns begin : end of dz by the gradient of the logits.

    The loss of each step and stream, in nats, is the sum of its two numbers in work.scratch. Each
    SIMD vector holds several time steps. A negative target is not scored. The largest logit is
    subtracted first, so that exp cannot overflow; a logit that is NaN or infinite makes the loss
    NaN or infinite.
    """
    dz, targets, scratch, B = work.dz, work.targets, work.scratch, work.carried.shape[0]
    unit = vector_length(dz)
    N = targets.shape[0]
    for n in range(begin, end, unit):
        largest = splat(dz, -math.inf)
        for v in range(V):
            z = load(dz, v, n) + splat(dz, by[0, v])
            store(dz, v, n, z)
            largest = select(greater(largest, z), largest, z)
        store(scratch, 0, n, largest)
        for m in range(n, min(n + unit, N)):
            if m % B < lanes and targets[m] >= 0:
                scratch[0, m] -= dz[targets[m], m]
        denominator = splat(dz, 0.0)
        for v in range(V):
            e = exp(load(dz, v, n) - largest)
            store(dz, v, n, e)
            denominator = denominator + e
        for v in range(V):
            store(dz, v, n, load(dz, v, n) / denominator)
        store(scratch, 1, n, log(denominator))
        for m in range(n, min(n + unit, N)):
            if m % B < lanes and targets[m] >= 0:
                dz[targets[m], m] -= 1.0
    for m in range(begin, end):
        if m >= N or m % B >= lanes:
            for v in range(V):
                dz[v, m] = 0.0
