# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""The kernels for one window's gradients: first dz and dh per stream, then the sums over streams.

The streams meet only in the sums, so several processes may compute dz and dh for some each.
"""

from ..kernels.compiled import internal, kernel
from ..kernels.products import ROWS, copy_rows, zero_rows
from ..kernels.vectors import load, splat, store, vector_length
from .backward import (
    begin_sums,
    carry_back,
    compute_dh,
    output_rows,
    recurrent_rows,
    sum_long_window,
)
from .dropout import begin_window, mask_carried
from .forward import run_forward


@kernel
def find_signals(weights, work, T, lanes, H, V):
    """Compute the states, dz and dh of the window in `work`; return its loss in nats."""
    begin_window(work)
    loss = run_forward(weights, work, T, lanes, H, V)
    compute_dh(weights, work, T, H, V)
    return loss


@kernel
def sum_up(gradients, work, T, Wha_rows, Wya_rows, clip, safe):
    """Write the gradients of the biases and of Whx, and the given rows of dWha and dWya.

    `Wha_rows` and `Wya_rows` are a first row, which must be a multiple of ROWS, and an end.
    """
    write_sums(gradients, work, T, Wha_rows, Wya_rows, clip, safe)


@internal
def write_sums(gradients, work, T, Wha_rows, Wya_rows, clip, safe):
    """The body of `sum_up`, for other kernels; a thread's rows are its units and symbols."""
    zero_rows(gradients.Wxh[:, work.columns[0] : work.columns[1]], gradients.Wxh.shape[0])
    begin_sums(gradients, work, T, clip)
    sum_long_window(work, Wha_rows, Wya_rows, T, clip, safe)
    for row in range(Wha_rows[0], Wha_rows[1], ROWS):
        recurrent_rows(work, row, T, clip, safe)
        copy_rows(gradients.Wha, row, work.rows)
    for row in range(Wya_rows[0], Wya_rows[1], ROWS):
        output_rows(work, row, T, clip, safe)
        copy_rows(gradients.Wya, row, work.rows)


@kernel
def find_initial_signals(weights, work, H):
    """Write the gradient with respect to the initial states to the rows of work.carried."""
    carry_to_start(weights, work, H)


@internal
def carry_to_start(weights, work, H):
    """The body of `find_initial_signals`, for other kernels; a thread writes its own part."""
    lane, lanes = work.lanes
    carried, dh = work.carried[lane : lane + lanes], work.dh[lane : lane + lanes]
    carry_back(carried, dh, weights.Wha, work.columns, H)
    mask_carried(work)


@internal
def sum_initial_signals(gradients, work, lanes):
    """Write the gradient of a learned initial state: the sum over the rows of work.carried."""
    for i in range(0, gradients.a0.shape[1], vector_length(gradients.a0)):
        sums = splat(gradients.a0, 0.0)
        for b in range(lanes):
            sums = sums + load(work.carried, b, i)
        store(gradients.a0, 0, i, sums)
