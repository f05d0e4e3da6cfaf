# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""The kernel that runs many training iterations without returning to Python."""

import math

from ..kernels.compiled import internal, kernel
from ..kernels.products import copy_rows, zero_rows
from ..kernels.team import all_begin, meet
from .backward import compute_dh, run_backward
from .dropout import begin_window
from .forward import run_forward
from .gradients import carry_to_start, sum_initial_signals, write_sums
from .rules import ADAGRAD, AS_IT_IS, average_weights, step_by_rule
from .text import index_at
from .update import update_parameters

OLD_WEIGHT, NEW_WEIGHT = 0.999, 0.001  # of the smoothed loss, as in reference/training.py

DONE, NOT_FINITE, OUTSIDE = 0, 1, 2  # the reasons for which the kernel returns


@internal
def read_window(work, text, width, position, T, lanes, V):
    """Copy the window at `position` of each stream's section of the text.

    Returns whether all indices lie in 0..V-1. Padding streams read symbol 0; their gradients are
    zero.
    """
    B = work.carried.shape[0]
    section = text.shape[0] // width // lanes
    for lane in range(lanes):
        start = lane * section + position
        for t in range(T):
            x, y = index_at(text, width, start + t), index_at(text, width, start + t + 1)
            if x < 0 or x >= V or y < 0 or y >= V:
                return False
            work.inputs[t * B + lane] = x
            work.targets[t * B + lane] = y
    return True


@internal
def update_by_rule(weights, gradients, first, second, work, sizes, rule, rate, steps, clip, safe):
    """Compute all gradients and take a step, also of an initial state that a section begins with.

    `sizes` is (T, lanes, H, V) and whether a section begins.
    """
    T, lanes, H, V, begins = sizes
    learns = begins and rule.learns_initial_state
    compute_dh(weights, work, T, H, V)
    if learns:
        carry_to_start(weights, work, H)
        meet(work.team)
    (i, end), (v, last) = work.columns, work.symbols
    write_sums(gradients, work, T, (i, min(end, H)), (v, min(last, V)), clip, safe)
    if work.team.thread == 0:
        zero_rows(gradients.a0, 1)
        if learns:
            sum_initial_signals(gradients, work, lanes)
    step_by_rule(weights, gradients, first, second, steps, learns, rule, rate, work.team)


@kernel
def train(
    weights,
    gradients,
    first,
    second,
    steps,
    averages,
    hidden,
    work,
    text,
    width,
    position,
    smooth_loss,
    sizes,
    rule,
    rates,
    shares,
    completed,
    clip,
    safe,
    out,
):
    """Run one iteration for each column of `out`.

    out[0] receives the losses, out[1] the smoothed loss before each iteration, both in nats.
    `first`, `second` and `steps` are the rule's state, `sizes` is (T, lanes, H, V), `text` holds
    the text's bytes, `width` of them per index, `rates` the learning rates, `clip` is the running
    clip's bound (inf for none) and `safe` is `running_clip.limit` for it. `shares` holds those of
    the new weights in `averages`, or nothing if the weights aren't averaged. `completed` is the
    number of earlier iterations.

    Returns the number of completed iterations, the reason for stopping, the position and the
    smoothed loss. It stops before an iteration that reads an index outside 0..V-1 or whose loss is
    not finite (`out` then holds that loss); nothing of that iteration is kept.

    All threads of `work.team` call it, with the same arguments but `work`, and get the same result.
    """
    T, lanes, H, V = sizes
    B = work.carried.shape[0]
    section = text.shape[0] // width // lanes
    is_notebooks = (
        rule.kind == ADAGRAD and rule.clip_kind == AS_IT_IS and not rule.learns_initial_state
    )
    is_first = work.team.thread == 0
    if not all_begin(work.team):
        return 0, DONE, position, smooth_loss
    for iteration in range(out.shape[1]):
        rewinds = position + T + 1 > section
        begin = 0 if rewinds else position
        if is_first:
            if rewinds:
                zero_rows(work.states, B)
            else:
                copy_rows(work.states, 0, hidden)
            if begin == 0 and rule.learns_initial_state:
                for lane in range(lanes):
                    copy_rows(work.states, lane, weights.a0)
            if not read_window(work, text, width, begin, T, lanes, V):
                work.inputs[0] = -1
            work.iteration[0] = completed + iteration + 1
            begin_window(work)
        meet(work.team)
        if work.inputs[0] < 0:
            return iteration, OUTSIDE, position, smooth_loss
        loss = run_forward(weights, work, T, lanes, H, V)
        if is_first:
            out[0, iteration] = loss
            out[1, iteration] = smooth_loss
        if not math.isfinite(loss):
            return iteration, NOT_FINITE, position, smooth_loss
        rate = rates[iteration]
        if is_notebooks:
            used = run_backward(weights, work, T, H, V, clip)
            update_parameters(weights, first, work, used, T, H, V, rate, clip, safe)
        else:
            update_by_rule(
                weights, gradients, first, second, work, (T, lanes, H, V, begin == 0),
                rule, rate, steps, clip, safe,
            )  # fmt: skip
        if shares.shape[0] > 0:
            meet(work.team)
            learns = rule.learns_initial_state
            average_weights(averages, weights, shares[iteration], learns, work.team)
        if is_first:
            copy_rows(hidden, 0, work.states[T * B :])
        meet(work.team)
        position = begin + T
        smooth_loss = smooth_loss * OLD_WEIGHT + loss * NEW_WEIGHT
    return out.shape[1], DONE, position, smooth_loss
