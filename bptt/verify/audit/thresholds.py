"""Find the smallest error that a test sees, by bisection of its logarithm."""

import math
from collections.abc import Callable
from dataclasses import dataclass

SMALLEST, LARGEST = 1e-9, 0.5
RATIO = 1.2  # between the smallest error seen and the largest that wasn't


@dataclass(frozen=True)
class Threshold:
    """`seen` is the smallest error that was seen, `missed` the largest below it that wasn't.

    `seen` is None where not even LARGEST was, `missed` is None where SMALLEST was seen.
    """

    seen: float | None
    missed: float | None

    def is_at_most(self, size: float) -> bool:
        """Return whether errors of this size are seen."""
        return self.seen is not None and self.seen <= size


def smallest_seen(sees: Callable[[float], bool]) -> Threshold:
    """Bisect between SMALLEST and LARGEST, assuming that whatever sees an error sees larger ones.

    >>> smallest_seen(lambda size: size > 0.01).seen  # at most 1.2 times 0.01
    0.01...
    """
    if not sees(LARGEST):
        return Threshold(None, LARGEST)
    if sees(SMALLEST):
        return Threshold(SMALLEST, None)
    low, high = SMALLEST, LARGEST
    while high > RATIO * low:
        middle = math.sqrt(low * high)
        if sees(middle):
            high = middle
        else:
            low = middle
    return Threshold(high, low)
