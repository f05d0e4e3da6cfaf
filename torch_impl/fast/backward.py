# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""A window's backward pass: dz and dh for every step, then each gradient a few rows at a time.

The names are those of the formulas: dz is the loss gradient with respect to the logits, dh with
respect to the pre-activations.
"""

from ..kernels.compiled import internal
from ..kernels.products import ROWS, copy_rows, loose, multiply, multiply_row, zero_rows
from ..kernels.team import meet
from ..kernels.vectors import load, splat, store, vector_length
from .dropout import mask_carried, mask_from_logits
from .running_clip import (
    add_block,
    fold_hidden_bias,
    fold_input_weights,
    fold_output_bias,
    fold_row,
    measure_reach,
)


@internal
def run_backward(weights, work, T, H, V, clip):
    """Compute dh, the reaches and the gradients of the biases and of Whx.

    Call run_forward first. Returns the number of different symbols in the window; work.used lists
    them.
    """
    compute_dh(weights, work, T, H, V)
    return begin_sums(work.gradients, work, T, clip)


@internal
def compute_dh(weights, work, T, H, V):
    """Compute dh for all steps and streams, before any sum over them."""
    begin, end = work.terms
    width = work.transposed_states.shape[1]
    for first in range(begin, end, width):
        last = min(first + width, end)
        multiply(work.from_logits[first:last], loose(work.dz.T[first:last]), weights.Wya, V, False)
        mask_from_logits(work, first, last)
    meet(work.team)
    propagate(weights, work, T, H)


@internal
def begin_sums(gradients, work, T, clip):
    """Compute the reaches and the gradients of the biases and of Whx, which must be zero before.

    Expects the states, inputs, dz and dh of all streams in `work`; they may come from another
    process. Returns the number of different symbols in the window.
    """
    B = work.carried.shape[0]
    dh, columns = work.dh, work.columns
    measure_reach(work, T, B)
    fold_hidden_bias(gradients.bh, dh, columns, T, B, clip)
    fold_output_bias(gradients.by, work.dz, work.symbols, T, B, work.square, clip)
    return fold_input_weights(gradients.Wxh, columns, work.used, work.inputs, dh, T, B, clip)


@internal
def propagate(weights, work, T, H):
    """Compute dh_t = (1 - a_t²) (Wyaᵀ dz_t + Whaᵀ dh_{t+1}) for all steps, the last one first.

    With dropout both products are multiplied by the masks of the states that their weights read.
    The threads divide the work as in advance_states.
    """
    B = work.carried.shape[0]
    unit = vector_length(work.dh)
    one = splat(work.dh, 1.0)
    begin, end = work.columns if B == 1 else (0, work.dh.shape[1])
    lane, lanes = work.lanes
    for t in range(T - 1, -1, -1):
        n = t * B + lane
        if t < T - 1:
            after = work.dh[n + B : n + B + lanes]
            carry_back(work.carried[lane : lane + lanes], after, weights.Wha, work.columns, H)
            mask_carried(work)
        for b in range(lanes):
            for i in range(begin, end, unit):
                a = load(work.states, n + B + b, i)
                da = load(work.from_logits, n + b, i)
                if t < T - 1:
                    da = da + load(work.carried, lane + b, i)
                store(work.dh, n + b, i, (one - a * a) * da)
        if B == 1 or t == 0:
            meet(work.team)


@internal
def carry_back(carried, dh, Wha, columns, H):
    """Write Whaᵀ dh of a thread's lanes to `carried`; of a lone lane, only its columns."""
    begin, end = columns
    if carried.shape[0] != 1:
        multiply(carried, loose(dh), Wha, H, False)
    elif begin < end:
        multiply_row(carried, dh, Wha, H, begin, end)


@internal
def sum_long_window(work, Wha_rows, Wya_rows, T, clip, safe):
    """Sum rows of dWha and dWya block by block, for recurrent_rows and output_rows to return.

    `Wha_rows` and `Wya_rows` are the first row and the end of the rows. A block's factors stay in
    cache for all rows; and within a block the clip can act on few sums, while over the whole
    window it could act on most. A window of a single block is left to those two functions.
    """
    if work.reach.shape[0] > 1:
        gradients, after = work.gradients, work.read[work.carried.shape[0] :]
        dh_by_unit, dz_by_symbol = loose(work.dh.T), loose(work.dz)
        _sum_blocks(
            gradients.Wha, work, dh_by_unit, work.recurrent, work.reach, Wha_rows, T, clip, safe
        )
        _sum_blocks(gradients.Wya, work, dz_by_symbol, after, work.reach_y, Wya_rows, T, clip, safe)


@internal
def _sum_blocks(out, work, grad, factors, reach, row_range, T, clip, safe):
    """Sum rows of a gradient from the last block of steps to the first.

    The gradient is the product of `grad` (rows, T B), which is dhᵀ or dz, with `factors`.
    """
    B = work.carried.shape[0]
    zero_rows(out[row_range[0] :], -(-(row_range[1] - row_range[0]) // ROWS) * ROWS)
    for block in range(reach.shape[0] - 1, -1, -1):
        begin, end = block * work.steps, min(T, (block + 1) * work.steps)
        for row in range(row_range[0], row_range[1], ROWS):
            copy_rows(work.rows, 0, out[row : row + ROWS])
            terms = grad[row : row + ROWS, begin * B : end * B]
            read = factors[begin * B : end * B]
            multiply(work.rows, terms[:, ::-1], read[::-1], (end - begin) * B, True)
            for r in range(ROWS):
                i = row + r
                room = safe - reach[block, i]
                add_block(out, i, work.rows, r, room, grad.T, i, factors, begin, end, B, clip)


@internal
def recurrent_rows(work, row, T, clip, safe):
    """Write rows row : row + ROWS of dWha to work.rows.

    For a window of several blocks they are copied from what sum_long_window computed.
    """
    B = work.carried.shape[0]
    N = work.inputs.shape[0]
    if work.reach.shape[0] > 1:
        copy_rows(work.rows, 0, work.gradients.Wha[row : row + ROWS])
        return
    terms = loose(work.dh.T[row : row + ROWS, :N])
    multiply(work.rows, terms[:, ::-1], work.recurrent[:N][::-1], N, False)
    for r in range(ROWS):
        if not work.reach[0, row + r] < safe:
            fold_row(work.rows, r, loose(work.dh), row + r, work.recurrent, T, B, clip)


@internal
def output_rows(work, row, T, clip, safe):
    """Write rows row : row + ROWS of dWya to work.rows, as recurrent_rows does for dWha."""
    B = work.carried.shape[0]
    N = work.inputs.shape[0]
    if work.reach.shape[0] > 1:
        copy_rows(work.rows, 0, work.gradients.Wya[row : row + ROWS])
        return
    after = work.read[B:]
    terms = loose(work.dz[row : row + ROWS, :N])
    multiply(work.rows, terms[:, ::-1], after[:N][::-1], N, False)
    for r in range(ROWS):
        if not work.reach_y[0, row + r] < safe:
            fold_row(work.rows, r, loose(work.dz.T), row + r, after, T, B, clip)
