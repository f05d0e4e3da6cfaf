# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""The kernels that Python calls: many training iterations, or one window's gradients."""

import math

from .backward import output_rows, recurrent_rows, run_backward
from .compiled import kernel, part
from .forward import run_forward
from .products import ROWS, copy_rows
from .text import index_at
from .update import update_parameters
from .vectors import lanes_of, splat, store

KEPT, ADDED = 0.999, 0.001  # of the smoothed loss, as reference/training.py has them

DONE, NOT_FINITE, OUTSIDE = 0, 1, 2  # why a kernel returned


@part
def read_window(work, text, width, position, T, lanes, V):
    """Copy a window of each lane's section of the text; return whether all indices are in 0..V-1.

    A padding lane reads symbol 0, and its gradients are zero.
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


@part
def zero_rows(matrix, count):
    for row in range(count):
        for j in range(0, matrix.shape[1], lanes_of(matrix)):
            store(matrix, row, j, splat(matrix, 0.0))


@kernel
def train(
    weights,
    sums,
    hidden,
    work,
    text,
    width,
    position,
    smooth_loss,
    T,
    lanes,
    H,
    V,
    rate,
    clip,
    safe,
    out,
):
    """Take an iteration for each of out's columns: losses, and smoothed losses before them, nats.

    `text` is its bytes, `width` how many make an index. Returns the iterations done, why it
    stopped, the position and the smoothed loss. It stops before an iteration that reads an index
    outside 0..V-1 or whose loss is no finite number (out then holds that loss), and leaves
    everything as the iterations done left it.
    """
    B = work.carried.shape[0]
    section = text.shape[0] // width // lanes
    for iteration in range(out.shape[1]):
        begin = position
        if begin + T + 1 > section:
            begin = 0
            zero_rows(work.states, B)
        else:
            copy_rows(work.states, 0, hidden)
        if not read_window(work, text, width, begin, T, lanes, V):
            return iteration, OUTSIDE, position, smooth_loss
        loss = run_forward(weights, work, T, lanes, H, V)
        out[0, iteration] = loss
        out[1, iteration] = smooth_loss
        if not math.isfinite(loss):
            return iteration, NOT_FINITE, position, smooth_loss
        used = run_backward(weights, work, T, H, V, clip, safe)
        update_parameters(weights, sums, work, used, T, H, V, rate, clip, safe)
        copy_rows(hidden, 0, work.states[T * B :])
        position = begin + T
        smooth_loss = smooth_loss * KEPT + loss * ADDED
    return out.shape[1], DONE, position, smooth_loss


@kernel
def differentiate(weights, gradients, work, T, lanes, H, V, clip, safe):
    """Write the gradients of the window in `work` to `gradients`; return its loss in nats."""
    loss = run_forward(weights, work, T, lanes, H, V)
    used = run_backward(weights, work, T, H, V, clip, safe)
    copy_rows(gradients.Wxh, 0, work.gradients.Wxh)
    for u in range(used):
        zero_rows(work.gradients.Wxh[work.used[u] :], 1)
    for row in range(0, H, ROWS):
        recurrent_rows(work, row, T, clip, safe)
        copy_rows(gradients.Wha, row, work.rows)
    for row in range(0, V, ROWS):
        output_rows(work, row, T, clip, safe)
        copy_rows(gradients.Wya, row, work.rows)
    copy_rows(gradients.bh, 0, work.gradients.bh)
    copy_rows(gradients.by, 0, work.gradients.by)
    return loss
