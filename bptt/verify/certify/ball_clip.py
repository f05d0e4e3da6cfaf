"""The running clip in ball arithmetic.

A gradient is left @ right.T, with one column of each for each time step. A fold in floating point
with an error bound decides where the clip acts in nearly all entries; balls decide the others, one
by one. An entry depends only on the steps after its last clip, so the rest are matrix products.

R rows and C columns of a parameter, T steps.
"""

from dataclasses import dataclass

import numpy as np
from flint import arb, arb_mat
from jaxtyping import Bool, Float, Int

from .enclosure import to_bounds

ROUNDING = 2.0**-50  # relative: more than the rounding of the few operations here
TINY = 1e-300  # absolute: more than the loss by underflow


@dataclass(frozen=True)
class Folded:
    """The folded entries, where the clip acted at some step, and where that is undecidable."""

    value: arb_mat
    clipped: Bool[np.ndarray, "R C"]
    undecidable: Bool[np.ndarray, "R C"]


@dataclass(frozen=True)
class Decisions:
    """The clips that floating point proves: `proved` entries were last clipped at `last`, to `to`.

    `last` is T, and `to` is 0, for entries that are never clipped.
    """

    proved: Bool[np.ndarray, "R C"]
    last: Int[np.ndarray, "R C"]
    to: Float[np.ndarray, "R C"]


def fold(left: arb_mat, right: arb_mat, clip: float) -> Folded:
    """Add the steps' contributions from the last to the first, clipping after each."""
    T = left.ncols()
    decisions = decide(left, right, clip)
    value = left * right.transpose()
    clipped = decisions.proved & (decisions.last < T)
    undecidable = np.zeros_like(clipped)
    for t in np.unique(decisions.last[clipped]).tolist():
        here = clipped & (decisions.last == t)
        rows, columns = (np.flatnonzero(here.any(axis)).tolist() for axis in (1, 0))
        rest = _until(left, rows, t) * _until(right, columns, t).transpose()
        for i, row in enumerate(rows):
            for j, column in enumerate(columns):
                if here[row, column]:
                    value[row, column] = rest[i, j] + arb(decisions.to[row, column])
    for row, column in np.argwhere(~decisions.proved).tolist():
        entry = fold_entry(left, right, row, column, clip)
        value[row, column], clipped[row, column], undecidable[row, column] = entry
    return Folded(value, clipped, undecidable)


def decide(left: arb_mat, right: arb_mat, clip: float) -> Decisions:
    """Fold in floating point, with a bound on the error of each sum."""
    T, shape = left.ncols(), (left.nrows(), right.nrows())
    (a, in_a), (b, in_b) = to_bounds(left), to_bounds(right)
    total, error, to = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    proved, last = np.ones(shape, bool), np.full(shape, T)
    with np.errstate(over="ignore", invalid="ignore"):  # infinity and NaN prove nothing
        for t in reversed(range(T)):
            u, v, in_u, in_v = np.abs(a[:, t]), np.abs(b[:, t]), in_a[:, t], in_b[:, t]
            term = np.outer(a[:, t], b[:, t])
            in_term = np.outer(in_u, v + in_v) + np.outer(u, in_v)
            in_term = in_term * (1 + ROUNDING) + ROUNDING * np.abs(term)
            in_term += TINY * np.outer(u + in_u > 0, v + in_v > 0)  # a true 0 stays exact
            # Compare with the distance to the clip, which is exactly 0 on it, not with the sum.
            excess = np.stack([term - (clip - total), -term - (clip + total)])
            room = np.stack([clip - total, clip + total])
            doubt = 2 * (error + in_term) + ROUNDING * (np.abs(room) + np.abs(term))
            proved &= ((excess > doubt) | (excess <= -doubt)).all(axis=0)

            total = total + term
            error = error + in_term + ROUNDING * np.abs(total)
            for over, bound in ((excess[0] > 0, clip), (excess[1] > 0, -clip)):
                total[over], error[over], last[over], to[over] = bound, 0.0, t, bound
    return Decisions(proved, last, to)


def fold_entry(
    left: arb_mat, right: arb_mat, row: int, column: int, clip: float
) -> tuple[arb, bool, bool]:
    """Fold one entry in balls; return it, whether it was clipped, and if that is undecidable.

    A sum that may lie on either side of the clip becomes the hull of both possible values.
    """
    bound = arb(clip)
    total, above, below = arb(0), bound, bound
    clipped = undecidable = False
    for t in reversed(range(left.ncols())):
        term = left[row, t] * right[column, t]
        if term > above:
            total, above, below, clipped = bound, arb(0), 2 * bound, True
        elif -term > below:
            total, above, below, clipped = -bound, 2 * bound, arb(0), True
        else:
            within = term <= above and -term <= below
            total += term
            if not within:
                undecidable = True
                total = total.min(bound).max(-bound)
            above, below = bound - total, total + bound
    return total, clipped, undecidable


def _until(factor: arb_mat, rows: list[int], t: int) -> arb_mat:
    """Return the given rows of a factor, with its columns before step t."""
    return arb_mat(len(rows), t, [factor[row, s] for row in rows for s in range(t)])
