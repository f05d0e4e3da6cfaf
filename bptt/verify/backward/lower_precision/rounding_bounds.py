"""Bound what rounding can do to a gradient: to each of its entries, and to all of them together.

An entry may be off by several standard deviations of the error that rounding causes in this code.
A wrong factor moves all entries together, while their rounding errors are nearly independent: the
projection of the error onto the exact gradient, over many entries and inputs, tells a factor of
1 + δ from rounding where δ is far below the errors of single entries.

Sources: for the quantile, Wallace (1959), Bounds on normal approximations to Student's t; for the
scatter, MacKinnon and White (1985), Some heteroskedasticity-consistent covariance matrix
estimators.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# Sums inside an operation, such as a matrix product, are rounded in float32, too; in the coarser
# dtypes they are accumulated in float32.
STANDARD_DEVIATIONS = {"float32": 64.0, "float16": 16.0, "bfloat16": 24.0}
HEAVIER = 4.0  # the largest factor by which actual errors may exceed the estimated ones
NORMAL_QUANTILE = 5.33  # exceeded with a probability of 1e-7
TIMES_SHARED = 1.0
# Roundings of constants that all entries share, in unit roundoffs. In the finer dtypes this also
# covers functions that are computed to a few units only.
SHARED_UNITS = {"float32": 32.0, "float16": 8.0, "bfloat16": 3.0}


@dataclass(frozen=True)
class FactorBound:
    """An estimated factor 1 + `delta` of all entries together, and what rounding explains of it."""

    delta: float
    explained: float

    @property
    def is_wrong(self) -> bool:
        return not abs(self.delta) <= self.explained


def entry_bounds(
    computed: np.ndarray,
    exact: np.ndarray,
    disturbed: Sequence[np.ndarray],
    dtype: str,
    unit: float,
) -> np.ndarray:
    """Return the largest error of each entry that rounding explains.

    `disturbed` are gradients whose operations had errors of up to one unit roundoff. The actual
    errors may be larger by a factor, in code whose operations can't be disturbed. Since a few
    disturbances may all be small at an entry by chance, the spread is at least that of its last
    rounding.
    """
    spread = np.sqrt(np.mean([(one - exact) ** 2 for one in disturbed], axis=0))
    spread = np.maximum(spread, unit / math.sqrt(3) * np.abs(exact))  # uniform within one unit
    usual = max(rms(spread), unit * rms(exact))
    actual = 1.5 * float(np.median(np.abs(computed - exact)))  # a standard deviation, if normal
    return STANDARD_DEVIATIONS[dtype] * np.maximum(spread, max(usual, min(actual, HEAVIER * usual)))


def factor_bound(
    errors: Sequence[np.ndarray],
    exact: Sequence[np.ndarray],
    shared: Sequence[Sequence[np.ndarray]],
    dtype: str,
    unit: float,
) -> FactorBound:
    """Estimate the factor that all errors have in common, over several inputs.

    `shared` holds, for each of several seeds, the errors that the same disturbances cause at each
    of the first inputs: roundings that all inputs share do not average out.
    """
    products = np.array([np.sum(e * g) for e, g in zip(errors, exact, strict=True)])
    squares = np.array([np.sum(g * g) for g in exact])
    if not squares.sum() > 0.0:
        return FactorBound(0.0, np.inf)
    delta = products.sum() / squares.sum()
    count = len(products)
    # As from the factor that the other inputs give: one large gradient alone must not decide.
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = (products - delta * squares) / (1 - squares / squares.sum())
    scatter = np.sqrt(np.sum(np.where(np.isnan(apart), np.inf, apart) ** 2) * count / (count - 1))
    common = max(
        (
            abs(sum(np.sum(e * g) for e, g in zip(row, exact, strict=False)))
            / squares[: len(row)].sum()
            for row in shared
        ),
        default=0.0,
    )
    explained = max(SHARED_UNITS[dtype] * unit, TIMES_SHARED * common)
    explained += student_quantile(count - 1) * scatter / squares.sum()
    return FactorBound(float(delta), float(explained))


def student_quantile(freedom: int, normal: float = NORMAL_QUANTILE) -> float:
    """Return the quantile of Student's t with the probability of the normal one, to about 1 %."""
    wider = normal * (8 * freedom + 3) / (8 * freedom + 1)
    return float(np.sqrt(freedom * np.expm1(wider**2 / freedom)))


def rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2))) if values.size else 0.0
