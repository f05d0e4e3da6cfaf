"""Estimate the rounding errors of a hand-written gradient and of its oracle.

Monte Carlo arithmetic reaches operations of NumPy and torch. Compiled code is opaque to it; there,
rounding is estimated by the lack of smoothness of the gradient over tiny steps.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ..calls import CaseError
from ..evaluated_problem import UNITS, Arrays, EvaluatedProblem, Loss
from .choice import COMPLEX, STEP, Oracle, autograd_of, complex_slope
from .differences import FAR, astray, jags, signs, size
from .noise import AMPLIFICATION, disturbed, samples

SAMPLES = 6
ORACLE_SAMPLES = 3
COMPLEX_SAMPLES = 6
WIDER = {"float64": (1e-4, 1e-5, 1e-3), "float32": (1e-4, 1e-3, 4e-3)}
JAGS_AT_MOST = 64.0  # unit roundoffs of the gradient's usual size
FAR_AT_MOST = 2.0**20  # times the size near the point
STEPS_AT_MOST = 16.0  # unit roundoffs of 1, in an entry that is the difference of 1 and another
NOISE_AT_MOST = 2.0**-18  # relative to its usual size: a part of the code may be in float32
SATURATED, BEYOND_LINEAR = 0.25, 8.0
SMALLER = (1.0, 2.0**-2, 2.0**-4, 2.0**-6)  # multiples of a point, at which fewer units saturate
UNSEEN = 2.0**14  # unit roundoffs of the largest entry, where operations can't be disturbed


@np.errstate(over="ignore", invalid="ignore")  # gradients may hold uninitialised memory
def gradient_noise(
    evaluated: EvaluatedProblem, computed: Arrays, arithmetic: str, *, thorough: bool = True
) -> dict[str, float]:
    """Estimate each parameter's largest rounding error in the hand-written gradient.

    `arithmetic` is the dtype that it is computed in. Without `thorough`, one disturbed run is made,
    which gives an estimate to a factor of about ten.
    """
    moved: list[Arrays] = []

    def gradient(values: dict[str, Any]) -> Arrays:
        if evaluated.loss.device is None:
            moved.append({name: np.array(value, subok=False) for name, value in values.items()})
        return evaluated.gradient(values)

    def run(sample: int) -> Arrays:
        return disturbed(evaluated.loss, gradient, evaluated.dtype, sample, arithmetic=arithmetic)

    strayed = samples(run, SAMPLES if thorough else 1)
    least = 0.0 if strayed else UNSEEN * UNITS[arithmetic]
    spread = {
        name: max(
            least * float(np.abs(value).max(initial=0.0)),
            *(_far(one[name], value, arithmetic) for one in strayed),
            0.0,
        )
        for name, value in computed.items()
    }
    try:
        unit, line = UNITS[arithmetic], _line(evaluated)
        least = 0.0
        if not strayed or (moved and _is_opaque(evaluated, moved[-1], strayed[-1], unit)):
            # Nothing shows the roundoff of 1 − p for p near 1.
            least = unit * _unsaturated_size(line)
        if not thorough:
            least = max(least, unit * _usual_size(line))
            return {name: max(noise, least) for name, noise in spread.items()}
        jagged = _jaggedness(evaluated, computed, unit)
    except CaseError:  # it needn't accept other values than its own
        return spread
    return {name: max(spread[name], jagged[name], least) for name in spread}


def _is_opaque(evaluated: EvaluatedProblem, moved: Arrays, strayed: Arrays, unit: float) -> bool:
    """Whether the disturbance of its operations changed nothing: the code computes elsewhere."""
    undisturbed = evaluated.gradient(moved)
    return all(
        _far(strayed[name], value, evaluated.dtype) <= unit * size(lambda value=value: value)
        for name, value in undisturbed.items()
    )


def _jaggedness(evaluated: EvaluatedProblem, computed: Arrays, unit: float) -> dict[str, float]:
    """Estimate rounding by the lack of smoothness of the gradient along a line.

    Tiny steps show rounding that varies at random. A staircase (such as 1 − p for p near 1) can be
    hidden by a varying term: larger steps cross some stairs, and differences of high order remove
    the smooth part. If all is constant, the rounding error is at least one unit roundoff of the
    gradient's usual size.
    """
    along = _line(evaluated)
    rough = np.fmax(*jags(along, unit))
    rests = [_rest(along, spacing) for spacing in WIDER[evaluated.dtype]]
    usual = _usual_size(along)
    rough = np.clip(np.max([rough, *rests], axis=0), unit * usual, JAGS_AT_MOST * unit * usual)
    rough = np.where(_differences_from_one(computed, along, unit), np.fmax(rough, unit), rough)
    # Noise doesn't depend on the spacing; the residual of a kink or a bend does.
    small, large = sorted(rests[:2], key=lambda rest: float(np.max(rest, initial=0.0)))
    if np.max(large, initial=0.0) <= 4.0 * np.max(small, initial=0.0):
        rough = np.fmax(rough, np.minimum(large, NOISE_AT_MOST * usual))
    ends = np.cumsum([value.size for value in computed.values()])[:-1]
    return {
        name: float(part.max(initial=0.0))
        for name, part in zip(computed, np.split(rough, ends), strict=True)
    }


def _differences_from_one(
    computed: Arrays, along: Callable[..., np.ndarray], unit: float
) -> np.ndarray:
    """Return which entries are whole numbers of unit roundoffs of 1, few of them: 1 − p for p ≈ 1.

    A zero counts if the entry isn't zero everywhere.
    """
    steps = np.concatenate([value.ravel() for value in computed.values()]) / unit
    few = (steps == np.rint(steps)) & (np.abs(steps) <= STEPS_AT_MOST)
    if not few.any():
        return few
    try:
        elsewhere = np.any([along(distance) != 0.0 for distance in FAR], axis=0)
    except CaseError:
        elsewhere = np.zeros(few.shape, bool)
    return few & ((steps != 0.0) | elsewhere)


def _line(evaluated: EvaluatedProblem) -> Callable[..., np.ndarray]:
    """Return the gradient along a line through its point, or through a multiple of the point."""
    towards = astray(evaluated.loss, np.random.default_rng(40))

    def along(distance: float, factor: float = 1.0) -> np.ndarray:
        point = evaluated.point.items()
        return evaluated.flat_gradient(
            {name: factor * value + distance * towards[name] for name, value in point}
        )

    return along


def _usual_size(along: Callable[..., np.ndarray]) -> float:
    """Return the largest entry of a gradient at its point, nearer to zero, and far away.

    Far away a product of many factors is no measure of the sizes here: it counts only up to a
    multiple of those nearer to zero.
    """
    near = max(size(lambda factor=factor: along(0.0, factor)) for factor in (1.0, 0.25, 0.0))
    far = max(size(lambda distance=distance: along(distance)) for distance in FAR)
    return max(near, min(far, FAR_AT_MOST * near) if near > 0.0 else far)


def _unsaturated_size(along: Callable[..., np.ndarray]) -> float:
    """Return the largest entry had no slope vanished: from smaller points, scaled back linearly."""
    return max(size(lambda f=factor: along(0.0, f)) / factor for factor in SMALLER)


def _rest(along: Callable[[float], np.ndarray], spacing: float) -> np.ndarray:
    """Return the standard deviation that differences of high order leave, over large steps."""
    row = np.array([along(j * spacing) for j in range(-6, 7)])
    return 3.0 * np.sqrt(np.mean((np.diff(row, 8, axis=0) / np.sqrt(12870.0)) ** 2, axis=0))


def oracle_noise(oracle: Oracle, name: str, *, thorough: bool = True) -> float:
    """Estimate a parameter's largest rounding error in the oracle's gradient.

    It is 0 for central differences, which come with their own error estimate.
    """
    if oracle.name == COMPLEX:
        return _complex_noise(oracle.loss, name, COMPLEX_SAMPLES if thorough else 1)
    if oracle.gradient is None:
        return 0.0
    expected, count = oracle.gradient[name], ORACLE_SAMPLES if thorough else 1

    def run(sample: int) -> Arrays:
        return disturbed(
            oracle.loss, lambda values: autograd_of(oracle.loss, values), oracle.dtype, sample
        )

    far = [_far(found[name], expected, oracle.dtype) for found in samples(run, count)]
    return max(far, default=UNSEEN * UNITS[oracle.dtype] * float(np.abs(expected).max(initial=0.0)))


def _complex_noise(loss: Loss, name: str, count: int) -> float:
    """Estimate it along a direction for each sample: along one, errors of entries can cancel."""
    expected: list[float] = []

    def run(sample: int) -> float:
        direction = signs(loss, name, np.random.default_rng([30, sample]))
        if sample == 0:
            direction[name] = np.ones_like(direction[name])
        expected.append(complex_slope(loss, direction))
        along = {name: direction[name] * STEP}
        strayed = disturbed(loss, loss.evaluate, "float64", sample, along)
        found = np.asarray(complex(np.asarray(strayed).item()).imag / STEP)
        return _far(found, np.asarray(expected[-1]), "float64")

    unseen = UNSEEN * UNITS["float64"]
    far = samples(run, count)
    return max(far, default=unseen * max(map(abs, expected), default=0.0))


def _far(strayed: np.ndarray, value: np.ndarray, dtype: str) -> float:
    far = float(np.abs(strayed - value).max(initial=0.0))
    if not np.isfinite(far):
        return np.inf
    # A change as large as the value itself is no longer linear: the true effect is larger.
    lost = far > SATURATED * float(np.abs(value).max(initial=0.0))
    return far / AMPLIFICATION[dtype] * (BEYOND_LINEAR if lost else 1.0)
