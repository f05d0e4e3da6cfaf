"""Central differences with adaptive steps and an estimate of their error.

Steps are halved and extrapolated until rounding dominates. The error estimate is the spread of the
extrapolations plus the noise of the loss divided by the step.

Sources: Ridders (1982), Accurate computation of F'(x); Moré and Wild (2011), Estimating
computational noise.
"""

from collections.abc import Callable, Iterable

import numpy as np

from ..calls import CaseError
from ..evaluated_problem import UNITS, Arrays, Loss

START = 0.125  # activations vary over lengths of order 1, whatever the weights
LEVELS = 14
WIDEST_SPACING = 1e-2
SPACING = 1e-9
# In units of the spacing. Along even ones a loss can climb a whole number of its own steps from
# each to the next, which looks smooth.
POSITIONS = np.array([-4.0, -3.13, -1.85, -1.21, 0.0, 1.07, 1.79, 3.31, 4.0])
STAIR_AT_MOST = 64.0
TREADS, TREAD = (-0.03, -0.01, 0.013, 0.027), 1e-11  # positions, and a step within one stair
FAR = (-8.0, -3.0, -1.0, 1.0, 3.0, 8.0)  # positions where a function has its usual size


def line(loss: Loss, direction: Arrays, dtype: str | None = None) -> Callable[[float], float]:
    """Return the loss as a function of the distance along a direction from its point."""

    def along(distance: float) -> float:
        moved = dict(loss.point)
        for name, part in direction.items():
            moved[name] = loss.point[name].astype(dtype or loss.dtype) + distance * part
        return loss(moved, dtype)

    return along


def entry(loss: Loss, name: str, place: tuple[int, ...]) -> Arrays:
    """Return the unit direction of one entry of a parameter."""
    direction = np.zeros(loss.point[name].shape)
    direction[place] = 1.0
    return {name: direction}


def signs(loss: Loss, name: str, rng: np.random.Generator) -> Arrays:
    """Draw a direction with entries ±1 in one parameter."""
    return {name: rng.choice([-1.0, 1.0], loss.point[name].shape)}


def astray(loss: Loss, rng: np.random.Generator) -> Arrays:
    """Draw a direction in all parameters, with magnitudes that don't cancel."""
    return uneven(loss, loss.point, rng)


def uneven(loss: Loss, names: Iterable[str], rng: np.random.Generator) -> Arrays:
    """Draw a direction in some parameters, with random signs and unequal magnitudes."""
    return {
        name: part * rng.uniform(0.5, 1.0, part.shape)
        for key in names
        for name, part in signs(loss, key, rng).items()
    }


def noise_of(
    along: Callable[[float], float], unit: float, elsewhere: Callable[[float], float]
) -> float:
    """Estimate the standard deviation of the loss from a smooth function of the position.

    Over tiny steps, what the best cubic polynomial leaves is noise. If the loss is constant there,
    it may be a staircase (as log(1 + x) is for a tiny x): then the noise is the height of a stair.
    If no other stair is near, it is the rounding error of the loss's usual size, taken at some
    distance, or on the line `elsewhere`, through smaller arguments. `unit` is the unit roundoff.
    """
    heights, stair = map(float, jags(along, unit))
    noise = max(heights, 2.0 * unit * abs(along(0.0)))
    if heights > 0.0:
        return noise
    largest = max(size(lambda: elsewhere(0.0)), *(size(lambda x=x: along(x)) for x in FAR))
    usual = unit * largest
    if is_staircase(along) or is_staircase(elsewhere):
        return max(noise, stair, 2.0 * UNITS["float32"] * largest)
    # A step of more units would be a kink, not a stair.
    return max(noise, min(stair, STAIR_AT_MOST * usual) if stair > 0.0 else 2.0 * usual)


def is_staircase(along: Callable[[float], float]) -> bool:
    """Whether a function that varies over larger steps is constant over tiny ones, everywhere.

    A function computed in float32 is; one with a kink varies on one side of it.
    """
    try:
        places = np.array([along(x) for x in TREADS])
    except CaseError:  # it may not accept other values
        return False
    if not np.isfinite(places).all() or len(np.unique(places)) < len(TREADS):
        return False
    near = np.array([[along(x - TREAD), along(x + TREAD)] for x in TREADS])
    return bool((near == places[:, None]).sum() >= 1.5 * len(TREADS))


def size(evaluate: Callable[[], float | np.ndarray]) -> float:
    """Return the largest finite absolute value; 0 if there is none or the call fails."""
    try:
        values = np.abs(evaluate())
    except CaseError:
        return 0.0
    return float(np.max(values, initial=0.0, where=np.isfinite(values)))


def jags(
    along: Callable[[float], float | np.ndarray], unit: float
) -> tuple[np.ndarray, np.ndarray]:
    """Estimate the noise of a function of the position, entry by entry, and its height of stairs.

    The height is 0 for an entry that varies over tiny steps, and for one that never varies.
    """
    spacing = SPACING * max(1.0, unit / 2.0**-53) ** 0.5
    seen = _row(along, spacing)
    noise = 3.0 * _beyond_cubic(seen)
    jumps, least = _jumps(seen)
    on_stairs = (jumps == 0.0).any(axis=0) & np.isfinite(least)
    noise = np.where(on_stairs, np.fmax(noise, least), noise)
    still = np.isinf(least)
    stairs = np.zeros(noise.shape)
    while still.any() and spacing < WIDEST_SPACING:
        spacing *= 8.0
        _, least = _jumps(_row(along, spacing))
        moves = still & np.isfinite(least)
        stairs = np.where(moves, least, stairs)
        still = still & ~moves
    return noise, stairs


def _row(along: Callable[[float], float | np.ndarray], spacing: float) -> np.ndarray:
    return np.array([along(position * spacing) for position in POSITIONS])


def _beyond_cubic(row: np.ndarray) -> np.ndarray:
    """Return the standard deviation of a row's values from the best cubic polynomial."""
    smooth, _ = np.linalg.qr(np.vander(POSITIONS, 4))
    moved = (row - row[len(row) // 2]).reshape(len(row), -1)
    rest = moved - smooth @ (smooth.T @ moved)
    return np.sqrt((rest**2).sum(axis=0) / (len(row) - 4)).reshape(row.shape[1:])


def _jumps(row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the differences of neighbours and the smallest non-zero one (inf if there is none)."""
    jumps = np.abs(np.diff(row, axis=0))
    return jumps, np.asarray(np.min(jumps, axis=0, where=jumps > 0.0, initial=np.inf))


def slope(
    along: Callable[[float], float], noise: float, start: float = START
) -> tuple[float, float]:
    """Return the derivative at 0 and an estimate of its error; (nan, inf) if none is finite."""
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
            break  # smaller steps would only add noise
        before = row
        width /= 2
    return best, best_error
