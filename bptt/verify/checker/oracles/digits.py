"""How many digits are known to be right? No more than the oracle itself has."""

from dataclasses import dataclass, replace

import numpy as np

from ..outcome import digits
from ..subject import Arrays, Subject
from . import differences
from .choice import DIFFERENCES, Oracle

HIDDEN = 0.05  # digits: what is less isn't shown anyway


@dataclass(frozen=True)
class Known:
    """Digits relative to `size`, and the oracle that sees no more of them, if one limits them."""

    digits: float
    size: float
    limit: str = ""

    def confirmed(self, name: str, oracle: Oracle, dtype: str) -> "Known":
        """Keep what central differences confirm of an oracle that may have checked itself."""
        direction = differences.signs(oracle.loss, name, np.random.default_rng(70))
        said, _ = oracle.slope(direction)
        slope, error = oracle.difference(direction)
        size = self.size * direction[name].size ** 0.5
        seen = digits(abs(said - slope) + error, size, dtype)
        return self if self.digits <= seen else replace(self, digits=seen, limit=DIFFERENCES)


def known(off: float, error: float, size: float, oracle: Oracle, dtype: str) -> Known:
    """Return the digits of what is `off`, as told by an oracle with an error of its own."""
    sure = digits(off + error, size, dtype)
    hidden = digits(off, size, dtype) - sure > HIDDEN
    return Known(sure, size, oracle.name if hidden else "")


def scale_of(subject: Subject, computed: Arrays, errors: np.ndarray, size: float) -> float:
    """Return what a parameter's errors are relative to, given the size of its largest entry.

    Where that can't be told from zero, nothing would be right of it; it is the whole gradient's
    size then, or the loss's.
    """
    if errors.max(initial=0.0) < size:
        return size
    usual = [size, abs(subject.loss(subject.point))]
    usual += [float(np.abs(value).max(initial=0.0)) for value in computed.values()]
    return max((one for one in usual if 0.0 < one < np.inf), default=1.0)


def known_of_worst(
    off: np.ndarray, errors: np.ndarray, scale: float, oracle: Oracle, dtype: str
) -> Known:
    """Return the digits of the entry of which the fewest are known."""
    if off.size == 0:
        return known(0.0, 0.0, scale, oracle, dtype)
    worst = int(np.argmax(off + errors))
    return known(float(off.flat[worst]), float(errors.flat[worst]), scale, oracle, dtype)
