"""Central differences that choose their own steps, and say how far they can be off.

Steps are halved and extrapolated until rounding takes over. The error estimate is the spread of the
extrapolations plus the loss's own noise over the step.

Sources: Ridders (1982), Accurate computation of F'(x); Moré and Wild (2011), Estimating
computational noise.
"""

from collections.abc import Callable

import numpy as np

from .subject import Arrays, Loss

START = 0.125  # activations vary over lengths of order 1, whatever the weights
LEVELS = 14


def line(loss: Loss, direction: Arrays, dtype: str | None = None) -> Callable[[float], float]:
    """Restrict a loss to a line through its point."""

    def along(distance: float) -> float:
        moved = dict(loss.point)
        for name, part in direction.items():
            moved[name] = loss.point[name].astype(dtype or loss.dtype) + distance * part
        return loss(moved, dtype)

    return along


def entry(loss: Loss, name: str, place: tuple[int, ...]) -> Arrays:
    """Return the direction of one entry."""
    direction = np.zeros(loss.point[name].shape)
    direction[place] = 1.0
    return {name: direction}


def signs(loss: Loss, name: str, rng: np.random.Generator) -> Arrays:
    """Draw a direction of ±1 in one parameter."""
    return {name: rng.choice([-1.0, 1.0], loss.point[name].shape)}


def noise_of(along: Callable[[float], float], unit: float) -> float:
    """Estimate how far the loss is from a smooth function of the position, as a standard deviation.

    Fourth differences over tiny steps kill whatever is smooth; what they leave is noise.
    """
    spacing = 1e-9 * max(1.0, unit / 2.0**-53) ** 0.5
    heights = np.array([along(j * spacing) for j in range(-4, 5)])
    rest = np.diff(heights, 4) / np.sqrt(70.0)
    return float(max(3.0 * np.sqrt(np.mean(rest**2)), 2.0 * unit * np.abs(heights).max()))


def slope(
    along: Callable[[float], float], noise: float, start: float = START
) -> tuple[float, float]:
    """Return the slope at 0 and an estimate of its error; (nan, inf) where nothing is finite."""
    best, best_error = np.nan, np.inf
    before: list[float] = []
    width = start
    for level in range(LEVELS):
        row = [(along(width) - along(-width)) / (2 * width)]
        floor = 2.0 * noise / width
        if not np.isfinite(row[0]):
            before = []
            width /= 2
            continue
        factor = 4.0
        for earlier in before:
            row.append((factor * row[-1] - earlier) / (factor - 1.0))
            factor *= 4.0
        for k in range(1, len(row)):
            error = max(abs(row[k] - row[k - 1]), abs(row[k] - before[k - 1])) + floor
            if error < best_error:
                best, best_error = row[k], error
        if level >= 3 and best_error <= 2.0 * floor:
            break  # smaller steps would only bring more noise
        before = row
        width /= 2
    return best, best_error
