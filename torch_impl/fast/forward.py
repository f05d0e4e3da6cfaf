# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""A window's forward pass: the hidden states step by step, then the logits of all steps at once."""

import math

from ..kernels.compiled import internal
from ..kernels.products import loose, multiply, multiply_block, transpose
from ..kernels.transcendental import exp, log, tanh
from ..kernels.vectors import greater, load, select, splat, store, vector_length


@internal
def run_forward(weights, work, T, lanes, H, V):
    """Compute the states and dz from the initial states and the inputs; return the loss.

    The loss is in nats, summed over steps and streams. The indices must have been checked.
    """
    advance_states(weights, work, T, H)
    B = work.carried.shape[0]
    unit = vector_length(work.states)
    width = work.transposed_states.shape[1]
    for begin in range(0, T * B, width):
        for i in range(0, work.states.shape[1], unit):
            for n in range(begin, min(begin + width, T * B)):
                for h in range(i, i + unit):
                    work.transposed_states[h, n - begin] = work.states[n + B, h]
        logits = work.dz[:, begin : begin + width]
        multiply(logits, loose(weights.Wya), work.transposed_states, H, False)
    return differentiate_loss(work.dz, weights.by, work.targets, work.scratch, lanes, B, V)


@internal
def advance_states(weights, work, T, H):
    """Compute the state after every step: a_t = tanh(Wha a_{t-1} + Whx[:, x_t] + bh).

    A negative index stands for no input.
    """
    B = work.carried.shape[0]
    unit = vector_length(work.states)
    if B > 1:
        transpose(work.transposed, weights.Wha)
    for t in range(T):
        before = work.states[t * B : (t + 1) * B]
        after = work.states[(t + 1) * B : (t + 2) * B]
        if B > 1:
            multiply(after, loose(before), work.transposed, H, False)
        for b in range(B):
            x = work.inputs[t * B + b]
            for column in range(0, after.shape[1], unit):
                # Every other step goes through the rows in reverse: the last ones are still in L1.
                i = column if t % 2 == 0 else after.shape[1] - unit - column
                if B == 1:
                    multiply_block(after, weights.Wha, before, i)
                h = load(after, b, i)
                if x >= 0:
                    h = h + load(weights.Wxh, x, i)
                store(after, b, i, tanh(h + load(weights.bh, 0, i)))


@internal
def differentiate_loss(dz, by, targets, scratch, lanes, B, V):
    """Replace the products Wya a in `dz` by the loss gradient with respect to the logits.

    Returns the loss in nats, added up from the first step's first stream to the last one's last.
    Each SIMD vector holds several time steps. A negative target is not scored. The largest logit is
    subtracted first, so that exp cannot overflow; a logit that is NaN or infinite makes the loss
    NaN or infinite.
    """
    unit = vector_length(dz)
    N = targets.shape[0]
    loss = 0.0
    for n in range(0, dz.shape[1], unit):
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
                loss += scratch[0, m]
                loss += scratch[1, m]
                dz[targets[m], m] -= 1.0
    for m in range(dz.shape[1]):
        if m >= N or m % B >= lanes:
            for v in range(V):
                dz[v, m] = 0.0
    return loss
