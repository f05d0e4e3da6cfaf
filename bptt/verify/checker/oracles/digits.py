"""Count the digits that are known to be right: no more than the oracle itself has."""

from dataclasses import dataclass, replace

import numpy as np

from ..case_result import digits
from ..evaluated_problem import Arrays, EvaluatedProblem
from . import differences
from .choice import DIFFERENCES, Oracle

HIDDEN = 0.05  # digits: a smaller difference isn't shown


@dataclass(frozen=True)
class Known:
    """A number of right digits relative to `size`, and the oracle that limits it, if one does."""

    digits: float
    size: float
    limit: str = ""

    def confirmed(self, name: str, oracle: Oracle, dtype: str) -> "Known":
        """Reduce the digits to those that central differences confirm.

        This is for an oracle that may use the very code that is verified.
        """
        direction = differences.signs(oracle.loss, name, np.random.default_rng(70))
        said, _ = oracle.slope(direction)
        slope, error = oracle.difference(direction)
        size = self.size * direction[name].size ** 0.5
        seen = digits(abs(said - slope) + error, size, dtype)
        return self if self.digits <= seen else replace(self, digits=seen, limit=DIFFERENCES)


def known(off: float, error: float, size: float, oracle: Oracle, dtype: str) -> Known:
    """Return the digits for a difference `off` from an oracle whose own error is `error`."""
    sure = digits(off + error, size, dtype)
    hidden = digits(off, size, dtype) - sure > HIDDEN
    return Known(sure, size, oracle.name if hidden else "")


def scale_of(
    evaluated: EvaluatedProblem, computed: Arrays, errors: np.ndarray, size: float
) -> float:
    """Return the size to which a parameter's errors are relative.

    It is `size`, that of the parameter's largest expected entry. If that can't be distinguished
    from zero, it is the size of the whole gradient or of the loss.
    """
    if errors.max(initial=0.0) < size:
        return size
    usual = [size, abs(evaluated.loss(evaluated.point))]
    usual += [float(np.abs(value).max(initial=0.0)) for value in computed.values()]
    return max((one for one in usual if 0.0 < one < np.inf), default=1.0)


def known_of_worst(
    off: np.ndarray, errors: np.ndarray, scale: float, oracle: Oracle, dtype: str
) -> Known:
    """Return the digits of the entry with the fewest known digits."""
    if off.size == 0:
        return known(0.0, 0.0, scale, oracle, dtype)
    worst = int(np.argmax(off + errors))
    return known(float(off.flat[worst]), float(errors.flat[worst]), scale, oracle, dtype)
