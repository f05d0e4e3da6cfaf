"""Central differences: the oracle that needs only the loss, and is the least accurate.

About half of the digits are lost to cancellation. Where the running clip acts, the clipped gradient
isn't the derivative of the loss, and differences don't apply.
"""

from collections.abc import Callable

import numpy as np

from reference import Gradients, Parameters


def plain_gradient(
    loss: Callable[[Parameters], float], parameters: Parameters
) -> tuple[Gradients, Gradients]:
    """Return the gradient by central differences, and an estimate of each entry's error.

    Each entry is differenced with two steps, h and h/2, and extrapolated (Richardson): the
    remaining error is of fourth order. The estimate of the error is the correction by the
    extrapolation plus the rounding of the loss divided by the step.
    """
    moved = parameters.copy()
    slopes, errors = parameters.zeros_like(), parameters.zeros_like()
    unit = np.finfo(np.float64).eps
    for value, slope, error in zip(moved, slopes, errors, strict=True):
        for place in np.ndindex(value.shape):
            kept = value[place]
            step = unit ** (1 / 5) * max(1.0, abs(kept))
            estimates, height = [], 0.0
            for width in (step, step / 2):
                value[place] = kept + width
                above, up = loss(moved), value[place]
                value[place] = kept - width
                below, down = loss(moved), value[place]
                estimates.append((above - below) / (up - down))
                height = max(height, abs(above), abs(below))
            value[place] = kept
            correction = (estimates[1] - estimates[0]) / 3
            slope[place] = estimates[1] + correction
            error[place] = abs(correction) + 20 * unit * height / step
    return slopes, errors
