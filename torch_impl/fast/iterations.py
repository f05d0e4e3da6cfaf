# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""The kernel that takes many training iterations without returning to Python."""

import math

from ..kernels.compiled import kernel, part
from ..kernels.products import copy_rows, zero_rows
from .backward import run_backward
from .forward import run_forward
from .text import index_at
from .update import update_parameters

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
