"""The kernels for one window's gradients: first dz and dh per stream, then the sums over streams.

The streams meet only in the sums, so several processes may compute dz and dh for some each.
"""

from ..kernels.compiled import kernel
from ..kernels.products import ROWS, copy_rows, zero_rows
from .backward import begin_sums, compute_dh, output_rows, recurrent_rows, sum_long_window
from .forward import run_forward


@kernel
def find_signals(weights, work, T, lanes, H, V):
    """Compute the states, dz and dh of the window in `work`; return its loss in nats."""
    loss = run_forward(weights, work, T, lanes, H, V)
    compute_dh(weights, work, T, H, V)
    return loss


@kernel
def sum_up(gradients, work, T, Wha_rows, Wya_rows, clip, safe):
    """Write the gradients of the biases and of Whx, and the given rows of dWha and dWya.

    `Wha_rows` and `Wya_rows` are a first row, which must be a multiple of ROWS, and an end.
    """
    used = begin_sums(work, T, clip)
    copy_rows(gradients.Wxh, 0, work.gradients.Wxh)
    for u in range(used):
        zero_rows(work.gradients.Wxh[work.used[u] :], 1)
    sum_long_window(work, Wha_rows, Wya_rows, T, clip, safe)
    for row in range(Wha_rows[0], Wha_rows[1], ROWS):
        recurrent_rows(work, row, T, clip, safe)
        copy_rows(gradients.Wha, row, work.rows)
    for row in range(Wya_rows[0], Wya_rows[1], ROWS):
        output_rows(work, row, T, clip, safe)
        copy_rows(gradients.Wya, row, work.rows)
    copy_rows(gradients.bh, 0, work.gradients.bh)
    copy_rows(gradients.by, 0, work.gradients.by)
