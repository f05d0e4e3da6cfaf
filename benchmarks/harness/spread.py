"""Statistics of measurements: medians, quartiles, paired ratios, growth exponents."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

RESAMPLES = 10_000


@dataclass(frozen=True)
class Spread:
    """Median, quartiles and range of some measurements, in their unit."""

    median: float
    lower_quartile: float
    upper_quartile: float
    lowest: float
    highest: float
    count: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """Summarise the values. Raises ValueError if there are none."""
        if not len(values):
            raise ValueError("a spread needs at least one value, got none")
        lowest, lower, median, upper, highest = np.quantile(values, (0, 0.25, 0.5, 0.75, 1))
        return cls(
            float(median), float(lower), float(upper), float(lowest), float(highest), len(values)
        )


def paired_ratios(numerators: Sequence[float], denominators: Sequence[float]) -> list[float]:
    """Divide round by round, so that whatever slows down a whole round cancels.

    Raises ValueError unless both have the same number of rounds.
    """
    return [above / below for above, below in zip(numerators, denominators, strict=True)]


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the median's 95 % interval by the bootstrap: percentiles over resampled rounds.

    Efron (1979). The same values give the same interval. Raises ValueError if there are none.
    """
    if not len(values):
        raise ValueError("an interval needs at least one value, got none")
    drawn = np.random.default_rng(0).choice(values, (RESAMPLES, len(values)))
    low, high = np.quantile(np.median(drawn, axis=1), (0.025, 0.975))
    return float(low), float(high)


def geometric_mean(values: Sequence[float]) -> float:
    return float(np.exp(np.mean(np.log(values))))


def growth_exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """Return the exponent of the fit value = c * size ** exponent (least squares of logarithms).

    Raises ValueError for fewer than two sizes.
    """
    if len(set(sizes)) < 2:
        raise ValueError(f"an exponent needs at least two sizes, got {sorted(set(sizes))}")
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])
