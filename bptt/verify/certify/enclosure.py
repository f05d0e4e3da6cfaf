"""The result of a ball computation: an interval for each entry, as balls and as arrays.

R rows and C columns of a parameter.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from flint import arb, arb_mat, ctx
from jaxtyping import Bool, Float

from reference import Gradients


@dataclass(frozen=True)
class Enclosure:
    """Balls that contain the exact numbers. `loss` is in nats.

    `initial_state` is the gradient with respect to the window's initial state. `clipped` marks the
    entries that the running clip certainly changed at some step, `undecidable` those where some sum
    was too near the clip to decide; their balls contain the exact value all the same. `bits` is the
    precision of the computation.
    """

    gradients: dict[str, arb_mat]
    initial_state: arb_mat
    loss: arb
    undecidable: dict[str, Bool[np.ndarray, "..."]]
    clipped: dict[str, Bool[np.ndarray, "..."]]
    bits: int

    @property
    def radius(self) -> float:
        """The largest radius of an entry, rounded up."""
        balls = [*self.gradients.values(), self.initial_state]
        return max(float(_radii(ball).max()) for ball in balls)

    @property
    def any_undecidable(self) -> bool:
        return any(mask.any() for mask in self.undecidable.values())

    def midpoints(self) -> Gradients:
        """Return the middle of each ball, rounded to float64."""
        return Gradients(**{name: _midpoints(ball) for name, ball in self.gradients.items()})

    def radii(self) -> Gradients:
        """Return the radius of each ball, rounded up to float64."""
        return Gradients(**{name: _radii(ball) for name, ball in self.gradients.items()})

    def sizes(self) -> Gradients:
        """Return a lower bound on the absolute value of each exact entry."""
        return Gradients(
            **{name: magnitudes(ball, arb.abs_lower, -1) for name, ball in self.gradients.items()}
        )

    def distances(self, computed: Gradients) -> tuple[Gradients, Gradients]:
        """Return a lower and an upper bound on |computed − exact|, entry by entry.

        The differences are computed in balls, so that cancellation loses nothing.
        """
        lower, upper = {}, {}
        with ctx.workprec(self.bits):
            for name in (field.name for field in fields(computed)):
                lower[name], upper[name] = distances(getattr(computed, name), self.gradients[name])
        return Gradients(**lower), Gradients(**upper)


def distances(
    computed: Float[np.ndarray, "R C"], ball: arb_mat
) -> tuple[Float[np.ndarray, "R C"], Float[np.ndarray, "R C"]]:
    """Return bounds on |computed − exact|; they are infinite where computed isn't finite."""
    finite = np.isfinite(computed)
    exact = np.where(finite, computed, 0.0)
    difference = to_balls(exact) - ball
    lower = magnitudes(difference, arb.abs_lower, -1)
    upper = magnitudes(difference, arb.abs_upper, 1)
    lower[~finite] = upper[~finite] = np.inf
    return lower, upper


def to_balls(values: Float[np.ndarray, "R C"]) -> arb_mat:
    """Convert an array to balls of radius 0."""
    rows, columns = values.shape
    return arb_mat(rows, columns, values.astype(np.float64).ravel().tolist())


def to_bounds(ball: arb_mat) -> tuple[Float[np.ndarray, "R C"], Float[np.ndarray, "R C"]]:
    """Return each midpoint in float64, and a bound on the exact number's distance from it.

    The bound is 0 for a 0 that is exact.
    """
    middles = _midpoints(ball)
    zero = np.reshape([entry.is_zero() for entry in ball.entries()], middles.shape)
    with np.errstate(over="ignore"):
        errors = (_radii(ball) + 2.0**-52 * np.abs(middles)) * (1 + 2.0**-50) + 2.0**-1022
    return middles, np.where(zero, 0.0, errors)


def _midpoints(ball: arb_mat) -> np.ndarray:
    return magnitudes(ball, arb.mid, 0)


def _radii(ball: arb_mat) -> np.ndarray:
    return magnitudes(ball, arb.rad, 1)


def magnitudes(ball: arb_mat, part: Callable[[arb], arb], direction: int) -> np.ndarray:
    """Convert a part of each entry to float64: to nearest, or one float further in `direction`."""
    parts = [part(entry) for entry in ball.entries()]
    values = np.array([float(value) for value in parts])
    if direction:
        moved = np.nextafter(values, direction * np.inf)
        exact_zero = [value.is_zero() for value in parts]
        values = np.where(exact_zero, 0.0, moved)
        if direction < 0:
            values = np.maximum(values, 0.0)
    return values.reshape(ball.nrows(), ball.ncols())
