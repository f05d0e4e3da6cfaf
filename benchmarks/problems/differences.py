"""One comparison of an engine with its oracle."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Difference:
    """How far apart two results are where it matters most: `size` of `allowed`, in one unit.

    `share` is size over allowed: at most 1 is agreement; NaN, as any comparison with one, is not.
    """

    what: str
    size: float
    allowed: float
    share: float

    @classmethod
    def of(
        cls,
        what: str,
        got: np.ndarray | float,
        expected: np.ndarray | float,
        allowed: np.ndarray | float,
    ) -> "Difference":
        """Compare entry by entry; other shapes are infinitely far apart."""
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
    """Return the one with the largest share, or the first that is not a number."""
    found: Difference | None = None
    for difference in differences:
        if found is None or not difference.share <= found.share:
            found = difference
        if np.isnan(found.share):
            return found
    if found is None:
        raise ValueError("nothing was compared")
    return found
