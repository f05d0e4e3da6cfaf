# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""A window's backward pass: the signal step by step, then each gradient a few rows at a time."""

from .compiled import part
from .products import ROWS, loose, multiply, multiply_row
from .running_clip import (
    fold_hidden_bias,
    fold_input_weights,
    fold_output_bias,
    fold_row,
    measure_reach,
)
from .vectors import lanes_of, load, splat, store


@part
def run_backward(weights, work, T, H, V, clip, safe):
    """Fill dh, the reaches and the gradients of the biases and of Whx; return the symbols used.

    Expects what run_forward leaves. `safe` is running_clip.limit of the clip.
    """
    run_signals(weights, work, T, H, V)
    return begin_sums(work, T, clip, safe)


@part
def run_signals(weights, work, T, H, V):
    """Fill dh: nothing that is summed over steps or lanes yet."""
    multiply(work.from_logits, loose(work.dz.T), weights.Wya, V)
    propagate(weights, work, T, H)


@part
def begin_sums(work, T, clip, safe):
    """Fill the reaches and the gradients of the biases and of Whx; return the symbols used.

    Expects states, inputs, dz and dh of all lanes, wherever they were computed.
    """
    B = work.carried.shape[0]
    measure_reach(work, B)
    gradients = work.gradients
    fold_hidden_bias(gradients.bh, work.dh, T, B, clip)
    fold_output_bias(gradients.by, work.dz, work.reach_y, safe, T, B, clip)
    return fold_input_weights(gradients.Wxh, work.used, work.inputs, work.dh, T, B, clip)


@part
def propagate(weights, work, T, H):
    """Compute every step's dh = (1 - a²) (Wyaᵀ dz + Whaᵀ dh of the step after)."""
    B = work.carried.shape[0]
    unit = lanes_of(work.dh)
    one = splat(work.dh, 1.0)
    for t in range(T - 1, -1, -1):
        if t < T - 1:
            after = work.dh[(t + 1) * B : (t + 2) * B]
            if B == 1:
                multiply_row(work.carried, after, weights.Wha, H)
            else:
                multiply(work.carried, loose(after), weights.Wha, H)
        for b in range(B):
            n = t * B + b
            for i in range(0, work.dh.shape[1], unit):
                a = load(work.states, n + B, i)
                da = load(work.from_logits, n, i)
                if t < T - 1:
                    da = da + load(work.carried, b, i)
                store(work.dh, n, i, (one - a * a) * da)


@part
def recurrent_rows(work, row, T, clip, safe):
    """Write rows row : row + ROWS of dWha to work.rows."""
    B = work.carried.shape[0]
    N = work.inputs.shape[0]
    multiply(work.rows, loose(work.dh.T[row : row + ROWS]), work.states, N)
    for r in range(ROWS):
        if not work.reach[0, row + r] < safe:
            fold_row(work.rows, r, work.dh, row + r, work.states, T, B, clip)


@part
def output_rows(work, row, T, clip, safe):
    """Write rows row : row + ROWS of dWya to work.rows."""
    B = work.carried.shape[0]
    N = work.inputs.shape[0]
    after = work.states[B:]
    multiply(work.rows, loose(work.dz[row : row + ROWS]), after, N)
    for r in range(ROWS):
        if not work.reach_y[0, row + r] < safe:
            fold_row(work.rows, r, work.dz.T, row + r, after, T, B, clip)
