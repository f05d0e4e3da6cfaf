"""The comparison of an engine's results with the oracle's."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Difference:
    """The largest difference between two results, relative to the tolerance.

    `size` is the difference at the worst entry and `allowed` the tolerance there, in the same unit.
    `share` is size / allowed: the results agree if it is at most 1, and disagree if it is NaN.
    `relative` is the size over the largest entry, where the tolerance is relative to that.
    """

    what: str
    size: float
    allowed: float
    share: float
    relative: float | None = None

    @classmethod
    def of(
        cls,
        what: str,
        got: np.ndarray | float,
        expected: np.ndarray | float,
        allowed: np.ndarray | float,
    ) -> "Difference":
        """Compare entry by entry; different shapes have an infinite difference."""
        if np.shape(got) != np.shape(expected):
            return cls(what, np.inf, 0.0, np.inf)
        sizes = np.abs(np.subtract(got, expected, dtype=np.float64))
        bounds = np.broadcast_to(allowed, np.shape(sizes))
        with np.errstate(divide="ignore", invalid="ignore"):
            shares = np.where(sizes == 0.0, 0.0, sizes / bounds)
        worst = np.unravel_index(np.argmax(shares), np.shape(shares))  # of NaN too
        return cls(what, float(sizes[worst]), float(bounds[worst]), float(shares[worst]))

    @property
    def agrees(self) -> bool:
        return self.share <= 1.0

    def __str__(self) -> str:
        return f"{self.what}: off by {self.size:.2g}, allowed {self.allowed:.2g}"


def worst(differences: Iterable[Difference]) -> Difference:
    """Return the difference with the largest share, or the first whose share is NaN."""
    found: Difference | None = None
    for difference in differences:
        if found is None or not difference.share <= found.share:
            found = difference
        if np.isnan(found.share):
            return found
    if found is None:
        raise ValueError("nothing was compared")
    return found
