# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""Adagrad fused with the gradients: a few rows at a time are computed, applied and overwritten.

So the rows are still in cache when they are used.
"""

from ..kernels.compiled import internal
from ..kernels.products import ROWS
from ..kernels.vectors import splat, store, vector_length
from .backward import output_rows, recurrent_rows, sum_long_window
from .rules import adagrad


@internal
def update_parameters(weights, sums, work, used, T, H, V, rate, clip, safe):
    """Compute the gradients of Wha and Wya and take one step on all parameters, in place.

    Call run_backward first; `used` is its result. Symbols that do not occur in the window have
    zero gradients, so only the `used` rows of Whx are updated; their gradients are zeroed again.
    """
    zero = splat(work.dh, 0.0)
    for u in range(used):
        x = work.used[u]
        adagrad(weights.Wxh, sums.Wxh, x, work.gradients.Wxh, x, rate)
        for i in range(0, work.gradients.Wxh.shape[1], vector_length(work.dh)):
            store(work.gradients.Wxh, x, i, zero)
    sum_long_window(work, (0, H), (0, V), T, clip, safe)
    for row in range(0, H, ROWS):
        recurrent_rows(work, row, T, clip, safe)
        for r in range(ROWS):
            adagrad(weights.Wha, sums.Wha, row + r, work.rows, r, rate)
    for row in range(0, V, ROWS):
        output_rows(work, row, T, clip, safe)
        for r in range(ROWS):
            adagrad(weights.Wya, sums.Wya, row + r, work.rows, r, rate)
    adagrad(weights.bh, sums.bh, 0, work.gradients.bh, 0, rate)
    adagrad(weights.by, sums.by, 0, work.gradients.by, 0, rate)
