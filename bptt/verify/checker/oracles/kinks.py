"""Detect a kink, a point where the loss has no derivative, from five points on a line.

At a kink the slopes on the left and on the right differ, however close the points, while the two
slopes on the same side agree.
"""

from collections.abc import Callable
from dataclasses import dataclass

WIDTHS = (1e-4, 1e-5, 1e-6)
LOUD = 1e-11  # noise, as that of a loss in float32, which wider points must rise above
WIDER = (1e-2, 5e-3, 2.5e-3)


@dataclass(frozen=True)
class Kink:
    """The one-sided derivatives at a point where the loss has no derivative."""

    left: float
    right: float


def kink_at(along: Callable[[float], float], noise: float, scale: float = 1.0) -> Kink | None:
    """Return the one-sided derivatives if the function has a kink at 0, else None.

    `noise` is that of the function, `scale` a typical length of the position (1 for weights).
    """
    found = None
    for width in WIDER if noise > LOUD else WIDTHS:
        width *= scale
        left_2, left_1, here, right_1, right_2 = (along(k * width) for k in (-2, -1, 0, 1, 2))
        left, right = (here - left_1) / width, (right_1 - here) / width
        outer_left, outer_right = (left_1 - left_2) / width, (right_2 - right_1) / width
        bend = abs(outer_left - left) + abs(outer_right - right)
        if not abs(right - left) > 4.0 * bend + 32.0 * noise / width:
            return None
        found = Kink(left, right)
    return found
