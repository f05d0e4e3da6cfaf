# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""Dropout of hidden states: as the output layer reads them, and as the recurrence does.

A mask multiplies a state by 0 with the probability of the rate, else by 1 / (1 - rate), so that its
mean stays (inverted dropout). The output's mask is another one at each step. The recurrent mask is
the same at all steps of a window, another one in each stream (Gal and Ghahramani, 2016, A
Theoretically Grounded Application of Dropout in Recurrent Neural Networks). The states themselves,
and those carried to the next window, aren't masked.

Every number of a mask is a function of the seed, the iteration, the lane, the step and the unit;
docs/same-bits.md states it.
"""

from typing import NamedTuple

from ..kernels.compiled import internal
from ..kernels.threefry import SPAN, multipliers, words
from ..kernels.vectors import load, splat, store, vector_length

HALF = SPAN // 2
RECURRENT = 0  # the number of a window's recurrent mask; those of its steps count from 1


class Dropout(NamedTuple):
    """The fractions of hidden states that are dropped, at least 0 and below 1; 0 drops none."""

    output: float = 0.0
    recurrent: float = 0.0
    seed: int = 0


NO_DROPOUT = Dropout()


@internal
def begin_window(work):
    """Draw the recurrent masks of all streams, and mask the initial states; one thread calls it."""
    if work.dropout.recurrent > 0.0:
        unit = vector_length(work.kept)
        for b in range(work.kept.shape[0]):
            for i in range(0, work.kept.shape[1], unit):
                store(work.kept, b, i, splat(work.kept, 1.0))
            _mask_row(work.kept, b, work.kept, b, work, b, RECURRENT, work.dropout.recurrent)
            for i in range(0, work.kept.shape[1], unit):
                store(work.recurrent, b, i, load(work.states, b, i) * load(work.kept, b, i))


@internal
def mask_outputs(work, begin, end):
    """Write the masked states after rows begin : end of the window to work.read."""
    B = work.carried.shape[0]
    if work.dropout.output > 0.0:
        for n in range(begin, min(end, work.inputs.shape[0])):
            row, step = n + B, n // B + 1
            _mask_row(work.read, row, work.states, row, work, n % B, step, work.dropout.output)


@internal
def mask_from_logits(work, begin, end):
    """Multiply rows begin : end of Wyaᵀ dz by the masks that mask_outputs multiplied by."""
    B, rows = work.carried.shape[0], work.from_logits
    if work.dropout.output > 0.0:
        for n in range(begin, min(end, work.inputs.shape[0])):
            _mask_row(rows, n, rows, n, work, n % B, n // B + 1, work.dropout.output)


@internal
def mask_carried(work):
    """Multiply a thread's part of Whaᵀ dh, in work.carried, by the recurrent masks."""
    lane, lanes = work.lanes
    if work.dropout.recurrent > 0.0:
        begin, end = work.columns if work.carried.shape[0] == 1 else (0, work.carried.shape[1])
        for b in range(lane, lane + lanes):
            for i in range(begin, end, vector_length(work.carried)):
                store(work.carried, b, i, load(work.carried, b, i) * load(work.kept, b, i))


@internal
def _mask_row(out, out_row, values, row, work, lane, step, rate):
    """Write a row times a mask of one lane and step to a row of `out`, which may be the same."""
    key = words(work.dropout.seed | (work.iteration[0] << 32), lane, step)
    threshold, scale = int(rate * 4294967296.0), 1.0 / (1.0 - rate)
    width = out.shape[1]
    for block in range(0, width, SPAN):
        for place in range(0, HALF, vector_length(out)):
            i, counter = block + place, block // 2 + place
            first, second = multipliers(out, key, counter, threshold, scale)
            if i < width:
                store(out, out_row, i, load(values, row, i) * first)
            if i + HALF < width:
                store(out, out_row, i + HALF, load(values, row, i + HALF) * second)
