"""In which way is a line wrong? Its value is compared with what other formulas give."""

from collections.abc import Mapping, Sequence

import numpy as np

from .windows import same

RIGHT = "right"
FACTOR = "factor"
SIGN = "sign"
NOTHING = "nothing added"

Values = Sequence[np.ndarray]


def way(computed: Values, expected: Values, others: Mapping[str, Values]) -> tuple[str, float]:
    """Return the name of the formula that gives the computed values in every window.

    The second value is the factor, 1 where there is none; the name is "" where no formula fits.
    """
    if agree(computed, expected):
        return RIGHT, 1.0
    if all(same(value, np.zeros_like(value)) for value in computed):
        return NOTHING, 0.0
    k = factor(computed, expected)
    if k is not None:
        return (SIGN, -1.0) if abs(k + 1.0) < 1e-9 else (FACTOR, k)
    for name, values in others.items():
        if agree(computed, values):
            return name, 1.0
    for name, values in others.items():
        k = factor(computed, values)
        if k is not None:
            return name, k
    return "", 1.0


def agree(computed: Values, expected: Values) -> bool:
    return all(same(one, other) for one, other in zip(computed, expected, strict=True))


def factor(computed: Values, expected: Values) -> float | None:
    """Return the one number that takes the expected values to the computed ones, if there is."""
    one = np.concatenate([value.ravel() for value in computed])
    other = np.concatenate([value.ravel() for value in expected])
    if not np.isfinite(one).all() or not other.any():
        return None
    k = float(one @ other / (other @ other))
    return k if same(one, k * other) else None
