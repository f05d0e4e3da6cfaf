# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""The running clip: which rows of a gradient it cannot act on, and the exact sum of the others.

Rows that it cannot act on are summed by a matrix product; the proof is in docs/running-clip.md. The
others are folded: summed step by step from the last, clipped each time. Both add the same terms in
the same order, so that where the clip does not act they give the same bits.
"""

import numpy as np

from ..kernels.compiled import inlined, internal
from ..kernels.tiles import transpose_block
from ..kernels.vectors import (
    absolute,
    anywhere,
    fma,
    greater,
    load,
    select,
    splat,
    store,
    total,
    vector_length,
)


def limit(clip: float, terms: int, dtype: np.dtype) -> float:
    """Return the bound below which a row's reach guarantees that the clip does not act on the row.

    `terms` is the number of summands of an entry (steps times streams). The margin below `clip`
    covers the rounding of the reach, of the sums it bounds, and of the states' magnitudes.
    """
    return clip * max(0.0, 1.0 - 8.0 * (terms + 8) * float(np.finfo(dtype).eps))


@inlined
def bounded(sums, clip):
    """Clip each element of a vector to ±clip; NaN stays NaN."""
    high, low = splat(sums, clip), splat(sums, -clip)
    return select(greater(sums, high), high, select(greater(low, sums), low, sums))


@internal
def measure_reach(work, T, B):
    """Compute how far each block of steps can move the running sums in own rows of dWha and dWya.

    That is the sum of |dh| or |dz| times the largest state. States computed by tanh are at most 1
    in magnitude; initial states may be larger. Dropout enlarges those that it keeps.
    """
    unit = vector_length(work.dh)
    N = T * B
    weight = splat(work.dh, _largest_given(work, B))
    scale, scale_y = 1.0 / (1.0 - work.dropout.recurrent), 1.0 / (1.0 - work.dropout.output)
    for block in range(work.reach.shape[0]):
        begin, end = block * work.steps * B, min(N, (block + 1) * work.steps * B)
        given = B if block == 0 else begin
        for i in range(work.columns[0], work.columns[1], unit):
            reach = splat(work.dh, 0.0)
            for n in range(begin, given):
                reach = fma(absolute(load(work.dh, n, i)), weight, reach)
            for n in range(given, end):
                reach = reach + absolute(load(work.dh, n, i))
            store(work.reach, block, i, reach * splat(reach, scale))
        for v in range(work.symbols[0], work.symbols[1]):
            reach = splat(work.dz, 0.0)
            for n in range(begin, end, unit):  # dz is zero beyond the end of the window
                reach = reach + absolute(load(work.dz, v, n))
            work.reach_y[block, v] = total(reach * splat(reach, scale_y))


@internal
def _largest_given(work, B):
    """Return the largest magnitude among the initial states, at least 1; NaN if one is NaN."""
    unit = vector_length(work.states)
    first = splat(work.states, 0.0)
    for b in range(B):
        for i in range(0, work.states.shape[1], unit):
            size = absolute(load(work.states, b, i))
            first = select(greater(first, size), first, size)
    store(work.square, 0, 0, first)
    largest = work.square.dtype.type(1.0)
    for lane in range(unit):
        size = work.square[0, lane]
        largest = largest if largest >= size else size  # takes NaN over
    return largest


@internal
def fold_row(out, row, grad, column, factors, T, B, clip):
    """Sum a row of a gradient with the running clip: from the last step on, clipped after each.

    Entry j is the sum of grad[n, column] * factors[n, j] over all steps and streams n, in the order
    of a product over reversed rows.
    """
    for j in range(0, out.shape[1], vector_length(out)):
        sums = splat(out, 0.0)
        sums = _folded(sums, grad, column, factors, j, 0, T, B, clip)
        store(out, row, j, sums)


@internal
def add_block(out, row, grown, grown_row, room, grad, column, factors, begin, end, B, clip):
    """Add the steps begin : end to a row of a gradient; as a product where the clip cannot act.

    `grown` holds the row with the product added. The clip cannot act on a running sum of a
    magnitude up to `room`; if that is not positive, it might act on every sum. A block of one step
    is always added as a product and clipped afterwards.
    """
    for j in range(0, out.shape[1], vector_length(out)):
        sums, whole = load(out, row, j), load(grown, grown_row, j)
        if end - begin == 1:
            sums = bounded(whole, clip)
        elif room > 0.0 and not anywhere(greater(absolute(sums), splat(sums, room))):
            sums = whole
        else:
            sums = _folded(sums, grad, column, factors, j, begin, end, B, clip)
        store(out, row, j, sums)


@inlined
def _folded(sums, grad, column, factors, j, begin, end, B, clip):
    for t in range(end - 1, begin - 1, -1):
        for n in range((t + 1) * B - 1, t * B - 1, -1):
            sums = fma(splat(sums, grad[n, column]), load(factors, n, j), sums)
        sums = bounded(sums, clip)
    return sums


@internal
def fold_hidden_bias(out, dh, columns, T, B, clip):
    """Sum columns (begin, end) of dbh with the running clip, always step by step: it is cheap."""
    for i in range(columns[0], columns[1], vector_length(out)):
        sums = splat(out, 0.0)
        for t in range(T - 1, -1, -1):
            for n in range((t + 1) * B - 1, t * B - 1, -1):
                sums = sums + load(dh, n, i)
            sums = bounded(sums, clip)
        store(out, 0, i, sums)


@internal
def fold_output_bias(out, dz, symbols, T, B, square, clip):
    """Sum dby with the running clip, step by step, a vector of symbols at a time.

    `symbols` are a begin and an end; `square` is a buffer for a vector's worth of rows and columns
    of dz.
    """
    unit = vector_length(out)
    for v in range(symbols[0], symbols[1], unit):
        sums = splat(out, 0.0)
        for t in range(T - 1, -1, -1):
            for n in range((t + 1) * B - 1, t * B - 1, -1):
                if n == T * B - 1 or n % unit == unit - 1:
                    transpose_block(square, dz[v:, n - n % unit :], 0, 0)
                sums = sums + load(square, n % unit, 0)
            sums = bounded(sums, clip)
        store(out, 0, v, sums)


@internal
def fold_input_weights(dWxh, columns, used, inputs, dh, T, B, clip):
    """Sum columns (begin, end) of dWhx (transposed) with the running clip; they must be zero.

    Returns the number of different symbols and lists them in `used`. A step touches only the rows
    of its own symbols, so that clipping step by step is cheap.
    """
    count = 0
    for t in range(T - 1, -1, -1):
        for n in range((t + 1) * B - 1, t * B - 1, -1):
            known = False
            for u in range(count):
                if used[u] == inputs[n]:
                    known = True
                    break
            if not known:
                used[count] = inputs[n]
                count += 1
            for i in range(columns[0], columns[1], vector_length(dWxh)):
                store(dWxh, inputs[n], i, load(dWxh, inputs[n], i) + load(dh, n, i))
        for n in range(t * B, (t + 1) * B):
            for i in range(columns[0], columns[1], vector_length(dWxh)):
                store(dWxh, inputs[n], i, bounded(load(dWxh, inputs[n], i), clip))
    return count
