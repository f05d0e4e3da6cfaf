"""Hypothesis that one of the two vectors in an outer product is wrong.

Then each row, or each column, of the gradient is off by a factor of its own. A matrix with a single
number in each row (as from a one-hot input) always fits; it is evidence only if another parameter
has the same factors.
"""

from collections.abc import Sequence

import numpy as np

from .evidence import Evidence, all_fit

SAID = (
    (1, "each row is off by its own factor: the incoming gradient is wrong"),
    (0, "each column is off by its own factor: the activation it is multiplied with is wrong"),
)


def by_rows_or_columns(evidence: Sequence[Evidence]) -> str | None:
    for axis, said in SAID:
        if all_fit(_fits(one, axis) for one in evidence):
            return said.replace("row", "entry") if evidence[0].computed.ndim == 1 else said
    return None


def _fits(one: Evidence, axis: int) -> bool | None:
    """Whether a case fits; None where any error would fit."""
    if one.computed.ndim not in (1, 2) or (one.computed.ndim == 1 and axis == 0):
        return False
    if not one.expected.any():
        return None
    computed, expected = _matrix(one.computed), _matrix(one.expected)
    factors = _factors(computed, expected, axis)
    if not one.explained_by((factors * expected).reshape(one.computed.shape)):
        return False
    if _telling(expected, axis):
        return True
    own = expected.any(axis, keepdims=True)
    if np.count_nonzero(own) < 2:
        return None
    shown = [
        _factors(one.computed_of(other), its, axis)
        for other in one.others
        for its in [one.expected_of(other)]
        if its.ndim == 2 and _telling(its, axis) and its.shape[1 - axis] == own.size
    ]
    if not shown:
        return None
    return any(one.explained_by((its * expected).reshape(one.computed.shape)) for its in shown)


def _matrix(value: np.ndarray) -> np.ndarray:
    return value[:, None] if value.ndim == 1 else value


def _factors(computed: np.ndarray, expected: np.ndarray, axis: int) -> np.ndarray:
    squares = np.sum(expected**2, axis=axis, keepdims=True)
    products = np.sum(computed * expected, axis=axis, keepdims=True)
    return np.divide(products, squares, out=np.zeros_like(squares), where=squares > 0)


def _telling(expected: np.ndarray, axis: int) -> bool:
    """Whether two rows (columns) have more than one number each, so that a factor is evidence."""
    return bool(np.count_nonzero(np.count_nonzero(expected, axis=axis) > 1) > 1)
