"""What rounding does to a hand-written gradient and to its oracle, by Monte Carlo arithmetic."""

import numpy as np

from .differences import signs
from .noise import AMPLIFICATION, disturbed
from .oracles import COMPLEX, STEP, Oracle, autograd_of, complex_slope
from .subject import Arrays, Loss, Subject

SAMPLES = 6
ORACLE_SAMPLES = 3


def gradient_noise(subject: Subject, mine: Arrays) -> dict[str, float]:
    """Estimate each parameter's largest rounding error in the hand-written gradient."""
    spread = dict.fromkeys(mine, 0.0)
    for sample in range(SAMPLES):
        strayed = disturbed(subject.loss, subject.gradient, subject.dtype, sample, {})
        for name, value in mine.items():
            spread[name] = max(spread[name], _far(strayed[name], value, subject.dtype))
    return spread


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
