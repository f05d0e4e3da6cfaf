"""Where rounding alone moves a loss, it has no slope that a computer could see.

A chaotic loss, of many steps say, has derivatives larger than its own size over its rounding: then
differences show the course it takes on average, and a gradient that is exact looks wrong.
"""

import numpy as np

from ..subject import Loss

SAMPLES = 4
FINEST = 1e-8  # relative moves below the steps of differences
MOVES_MUCH = 1e-3  # of the loss's size


def is_chaotic(loss: Loss, move: float = 0.0) -> bool:
    """Whether the loss moves visibly when its parameters are moved by their rounding, or by `move`.

    `move` is relative, for differences, whose steps are wider.
    """
    move = max(move, 2.0 * loss.unit)
    rng = np.random.default_rng(60)
    here = loss(loss.point)
    size = abs(here)
    for factor, shift in ((1.25, 0.125), (0.5, 0.0)):
        there = abs(loss({name: factor * value + shift for name, value in loss.point.items()}))
        size = max(size, there) if np.isfinite(there) else size
    for _ in range(SAMPLES):
        moved = {
            name: value * (1.0 + move * rng.choice([-1.0, 1.0], value.shape))
            for name, value in loss.point.items()
        }
        if not abs(loss(moved) - here) <= MOVES_MUCH * size:
            return True
    return False
