"""What rounding does to a hand-written gradient and to its oracle.

Monte Carlo arithmetic sees into NumPy and torch. Compiled code is opaque to it; there, what the
gradient lacks in smoothness, over steps too small to matter otherwise, is its rounding.
"""

import numpy as np

from .differences import FAR, astray, jags, signs, size
from .noise import AMPLIFICATION, disturbed
from .oracles import COMPLEX, STEP, Oracle, autograd_of, complex_slope
from .subject import Arrays, Loss, Subject

SAMPLES = 6
ORACLE_SAMPLES = 3
WIDER = {"float64": (1e-4, 1e-3), "float32": (1e-4, 1e-3, 4e-3)}
JAGS_AT_MOST = 64.0  # units of the gradient's usual size


def gradient_noise(subject: Subject, mine: Arrays) -> dict[str, float]:
    """Estimate each parameter's largest rounding error in the hand-written gradient."""
    spread = dict.fromkeys(mine, 0.0)
    for sample in range(SAMPLES):
        strayed = disturbed(subject.loss, subject.gradient, subject.dtype, sample, {})
        for name, value in mine.items():
            spread[name] = max(spread[name], _far(strayed[name], value, subject.dtype))
    for name, jagged in _jaggedness(subject, mine).items():
        spread[name] = max(spread[name], jagged)
    return spread


def _jaggedness(subject: Subject, mine: Arrays) -> dict[str, float]:
    """Estimate rounding by the lack of smoothness, in units of what the gradient usually is.

    Tiny steps show rounding that changes at random. A stair (1 − p has them, for p near 1) can be
    hidden by what moves on it: wider steps cross some, and differences of high order keep out what
    is smooth. Where all is flat, a unit of the gradient's size elsewhere may have been lost.
    """
    rng = np.random.default_rng(40)
    towards = astray(subject.loss, rng)
    unit = subject.loss.unit

    def along(distance: float, share: float = 1.0) -> np.ndarray:
        moved = {
            name: share * value + distance * towards[name] for name, value in subject.point.items()
        }
        values = subject.loss.wrap(moved, subject.dtype)
        return np.concatenate([part.ravel() for part in subject.gradient(values).values()])

    rough = np.fmax(*jags(along, unit))
    for spacing in WIDER[subject.dtype]:
        row = np.array([along(j * spacing) for j in range(-6, 7)])
        rest = np.diff(row, 8, axis=0) / np.sqrt(12870.0)
        rough = np.fmax(rough, 3.0 * np.sqrt(np.mean(rest**2, axis=0)))
    places = [*((0.0, share) for share in (1.0, 0.25, 0.0)), *((distance, 1.0) for distance in FAR)]
    usual = max(size(lambda at=at: along(*at)) for at in places)
    rough = np.clip(rough, unit * usual, JAGS_AT_MOST * unit * usual)
    ends = np.cumsum([value.size for value in mine.values()])[:-1]
    return {
        name: float(part.max(initial=0.0))
        for name, part in zip(mine, np.split(rough, ends), strict=True)
    }


def oracle_noise(oracle: Oracle, name: str) -> float:
    """Estimate a parameter's largest rounding error in what the oracle says.

    Differences carry their own estimate, so they get none here.
    """
    if oracle.name == COMPLEX:
        return _complex_noise(oracle.loss, name)
    if oracle.gradient is None:
        return 0.0
    strayed = (
        disturbed(
            oracle.loss, lambda values: autograd_of(oracle.loss, values), oracle.dtype, sample, {}
        )
        for sample in range(ORACLE_SAMPLES)
    )
    return max(_far(found[name], oracle.gradient[name], oracle.dtype) for found in strayed)


def _complex_noise(loss: Loss, name: str) -> float:
    direction = signs(loss, name, np.random.default_rng(30))
    expected = complex_slope(loss, direction)
    along = {name: direction[name] * STEP}
    spread = 0.0
    for sample in range(ORACLE_SAMPLES):
        strayed = disturbed(loss, loss.evaluate, "float64", sample, along)
        found = np.asarray(complex(strayed).imag / STEP)
        spread = max(spread, _far(found, np.asarray(expected), "float64"))
    return spread


def _far(strayed: np.ndarray, value: np.ndarray, dtype: str) -> float:
    far = np.abs(strayed - value)
    return float(far.max(initial=0.0)) / AMPLIFICATION[dtype] if np.isfinite(far).all() else np.inf
