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
    """Compute the gradients of Wha and Wya and take one step on own units and symbols, in place.

    Call run_backward first; `used` is its result. Symbols that do not occur in the window have
    zero gradients, so only the `used` rows of Whx are updated; their gradients are zeroed again.
    """
    columns, symbols, whole = work.columns, work.symbols, (0, weights.Wha.shape[1])
    dWxh = work.gradients.Wxh
    for u in range(used):
        x = work.used[u]
        adagrad(weights.Wxh, sums.Wxh, x, dWxh, x, columns, rate)
        for i in range(columns[0], columns[1], vector_length(dWxh)):
            store(dWxh, x, i, splat(dWxh, 0.0))
    Wha_rows, Wya_rows = (columns[0], min(columns[1], H)), (symbols[0], min(symbols[1], V))
    sum_long_window(work, Wha_rows, Wya_rows, T, clip, safe)
    for row in range(Wha_rows[0], Wha_rows[1], ROWS):
        recurrent_rows(work, row, T, clip, safe)
        for r in range(ROWS):
            adagrad(weights.Wha, sums.Wha, row + r, work.rows, r, whole, rate)
    for row in range(Wya_rows[0], Wya_rows[1], ROWS):
        output_rows(work, row, T, clip, safe)
        for r in range(ROWS):
            adagrad(weights.Wya, sums.Wya, row + r, work.rows, r, whole, rate)
    adagrad(weights.bh, sums.bh, 0, work.gradients.bh, 0, columns, rate)
    adagrad(weights.by, sums.by, 0, work.gradients.by, 0, symbols, rate)
