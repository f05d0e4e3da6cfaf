"""Medians, quartiles, ratios round by round, and slopes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Where a number of measurements lie, in their own unit."""

    median: float
    lower_quartile: float
    upper_quartile: float
    lowest: float
    highest: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Raises ValueError for no values."""
        if not len(values):
            raise ValueError("a spread needs at least one value, got none")
        lowest, lower, median, upper, highest = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
        return cls(
            float(median), float(lower), float(upper), float(lowest), float(highest), len(values)
        )


def paired_ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """Divide round by round: what slows a whole round down cancels.

    Raises ValueError unless both have the same rounds.
    """
    return [above / below for above, below in zip(numerators, denominators, strict=True)]


def geometric_mean(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def growth_exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Fit value = c * size ** exponent by least squares of the logarithms; return the exponent.

    Raises ValueError for fewer than two sizes.
    """
    if len(set(sizes)) < 2:
        raise ValueError(f"an exponent needs at least two sizes, got {sorted(set(sizes))}")
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
