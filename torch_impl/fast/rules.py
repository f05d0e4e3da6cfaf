# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""Update rules, and clips of a finished gradient, over all parameters as one row of numbers.

The formulas are those of torch.optim, except Adagrad's, which is the notebook's. A gradient of zero
leaves padding at zero.
"""

import math
from typing import NamedTuple

import numpy as np

from ..kernels.compiled import inlined, internal, kernel
from ..kernels.team import meet
from ..kernels.tiles import CHAIN_BYTES
from ..kernels.vectors import load, splat, sqrt, store, vector_length
from .running_clip import bounded

ADAGRAD, SGD, RMSPROP, ADAM, ADAMW = range(5)
AS_IT_IS, BY_VALUE, BY_NORM = range(3)

EPSILON = 1e-8  # Adagrad's inside the square root; most libraries add it outside
ALPHA = 0.99  # of RMSprop's mean of squares
BETA1, BETA2 = 0.9, 0.999  # of Adam's means
CHAINS = 8  # partial sums of a norm


class Rule(NamedTuple):
    """How a gradient is clipped when it is finished, and how it changes the parameters."""

    kind: int = ADAGRAD
    momentum: float = 0.0
    weight_decay: float = 0.0
    clip_kind: int = AS_IT_IS
    clip: float = math.inf
    learns_initial_state: bool = False


NOTEBOOKS = Rule()


@inlined
def adagrad(values, sums, row, gradients, gradient_row, columns, rate):
    """Take an Adagrad step on columns (begin, end) of a row, in the reference's order."""
    for j in range(columns[0], columns[1], vector_length(values)):
        g = load(gradients, gradient_row, j)
        total = load(sums, row, j) + g * g
        store(sums, row, j, total)
        step = splat(g, rate) * g / sqrt(total + splat(g, EPSILON))
        store(values, row, j, load(values, row, j) - step)


@kernel
def take_step(weights, gradients, first, second, steps, learns, rule, rate, team):
    """Clip the gradients and take a step in place; steps[0] counts it.

    If `learns`, the initial state takes one too, counted by steps[1]; otherwise its gradient must
    be zero.
    """
    step_by_rule(weights, gradients, first, second, steps, learns, rule, rate, team)


@internal
def step_by_rule(weights, gradients, first, second, steps, learns, rule, rate, team):
    """The body of `take_step`, for other kernels; each thread changes its own numbers."""
    step, learning_step = int(steps[0]) + 1, int(steps[1]) + 1
    meet(team)
    factor = _factor(gradients, rule)
    meet(team)
    if team.thread == 0:
        steps[0] = step
    columns = _own(gradients.all, team)
    _clip_finished(gradients.all, columns, rule, factor)
    _update(weights.all, gradients.all, first.all, second.all, columns, rule, rate, step)
    columns = _own(gradients.a0, team)
    _clip_finished(gradients.a0, columns, rule, factor)
    if learns:
        if team.thread == 0:
            steps[1] = learning_step
        a0 = weights.a0
        _update(a0, gradients.a0, first.a0, second.a0, columns, rule, rate, learning_step)


@inlined
def _own(row, team):
    """Return the begin and the end of this thread's columns of a row, in whole vectors."""
    line = CHAIN_BYTES // row.itemsize
    size = -(-row.shape[1] // (team.threads * line)) * line
    return min(team.thread * size, row.shape[1]), min((team.thread + 1) * size, row.shape[1])


@internal
def _factor(gradients, rule):
    """Return the number by which a clip by norm multiplies the gradients, 1 for none.

    Every thread adds up the whole norm, in one order.
    """
    if rule.clip_kind == BY_NORM:
        norm = math.sqrt(_sum_of_squares(gradients.all) + _sum_of_squares(gradients.a0))
        if norm > rule.clip:
            return rule.clip / norm
    return 1.0


@internal
def _clip_finished(row, columns, rule, factor):
    """Bound every entry of columns (begin, end) of a row, or multiply it by the factor."""
    if rule.clip_kind == BY_VALUE:
        for j in range(columns[0], columns[1], vector_length(row)):
            store(row, 0, j, bounded(load(row, 0, j), rule.clip))
    elif factor != 1.0:
        for j in range(columns[0], columns[1], vector_length(row)):
            g = load(row, 0, j)
            store(row, 0, j, g * splat(g, factor))


@internal
def _sum_of_squares(row):
    """Return the sum in float64, of CHAINS partial sums that are added pairwise at the end."""
    sums = np.zeros(CHAINS)
    for j in range(0, row.shape[1], CHAINS):
        for chain in range(CHAINS):
            x = np.float64(row[0, j + chain])
            sums[chain] += x * x
    width = CHAINS
    while width > 1:
        width //= 2
        for chain in range(width):
            sums[chain] += sums[chain + width]
    return sums[0]


@internal
def power(base, exponent):
    """Return a number to a whole power of at least 0, by repeated squaring."""
    result = 1.0
    while exponent > 0:
        if exponent % 2 == 1:
            result *= base
        base *= base
        exponent //= 2
    return result


@internal
def _update(values, gradients, first, second, columns, rule, rate, step):
    """Take one step on columns (begin, end) of a row of parameters, in place.

    `first` and `second` are the rule's state; `step` counts the steps from 1.
    """
    if rule.kind == ADAGRAD:
        adagrad(values, first, 0, gradients, 0, columns, rate)
    elif rule.kind == SGD:
        _sgd(values, gradients, first, columns, rule, rate)
    elif rule.kind == RMSPROP:
        _rmsprop(values, gradients, first, columns, rule, rate)
    else:
        _adam(values, gradients, first, second, columns, rule, rate, step)


@internal
def average_weights(averages, weights, share, with_initial_state, team):
    """Move each average towards its weight by a share of the distance; a thread moves its own."""
    _move(averages.all, weights.all, share, team)
    if with_initial_state:
        _move(averages.a0, weights.a0, share, team)


@internal
def _move(averages, values, share, team):
    columns = _own(averages, team)
    for j in range(columns[0], columns[1], vector_length(averages)):
        m = load(averages, 0, j)
        store(averages, 0, j, m + splat(m, share) * (load(values, 0, j) - m))


@internal
def _sgd(values, gradients, buffer, columns, rule, rate):
    for j in range(columns[0], columns[1], vector_length(values)):
        w = load(values, 0, j)
        g = load(gradients, 0, j) + splat(w, rule.weight_decay) * w
        if rule.momentum > 0.0:
            g = splat(w, rule.momentum) * load(buffer, 0, j) + g
            store(buffer, 0, j, g)
        store(values, 0, j, w - splat(w, rate) * g)


@internal
def _rmsprop(values, gradients, squares, columns, rule, rate):
    for j in range(columns[0], columns[1], vector_length(values)):
        w = load(values, 0, j)
        g = load(gradients, 0, j) + splat(w, rule.weight_decay) * w
        mean = splat(w, ALPHA) * load(squares, 0, j) + splat(w, 1.0 - ALPHA) * g * g
        store(squares, 0, j, mean)
        store(values, 0, j, w - splat(w, rate) * g / (sqrt(mean) + splat(w, EPSILON)))


@internal
def _adam(values, gradients, means, squares, columns, rule, rate, step):
    """Adam, or AdamW, whose decay of the weights is apart from the gradient."""
    root = math.sqrt(1.0 - power(BETA2, step))
    own_rate = rate / (1.0 - power(BETA1, step))
    added = rule.weight_decay if rule.kind == ADAM else 0.0
    kept = 1.0 - rate * rule.weight_decay if rule.kind == ADAMW else 1.0
    for j in range(columns[0], columns[1], vector_length(values)):
        w = load(values, 0, j)
        g = load(gradients, 0, j) + splat(w, added) * w
        mean = load(means, 0, j)
        mean = mean + splat(w, 1.0 - BETA1) * (g - mean)
        square = splat(w, BETA2) * load(squares, 0, j)
        square = square + splat(w, 1.0 - BETA2) * g * g
        store(means, 0, j, mean)
        store(squares, 0, j, square)
        size = sqrt(square) / splat(w, root) + splat(w, EPSILON)
        store(values, 0, j, splat(w, kept) * w - splat(w, own_rate) * mean / size)
