"""Detect a chaotic loss, which rounding alone changes visibly.

The derivatives of such a loss (one of many steps, say) are larger than its size divided by its
rounding error. Differences then show its average course only, and an exact gradient looks wrong.
"""

import numpy as np

from ..evaluated_problem import Loss

SAMPLES = 4
FINEST = 1e-8  # a relative change below the steps of differences
MOVES_MUCH = 1e-3  # relative to the size of the loss


def is_chaotic(loss: Loss, move: float = 0.0) -> bool:
    """Whether the loss changes visibly when its parameters change by a rounding error, or `move`.

    `move` is a relative change, for central differences, whose steps are larger.
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
