"""What central differences of one entry have to say before it is called wrong."""

import numpy as np

from . import oracles
from .analytic import not_analytic
from .oracles import Oracle, RefutedError
from .subject import Arrays


def consult_differences(computed: float, true: float, oracle: Oracle, direction: Arrays) -> None:
    """Raise RefutedError where central differences of an entry contradict another oracle.

    `direction` is that of the entry, `true` what the oracle gives there, `computed` the gradient in
    question. Where differences can't tell the two apart, the complex step must be beyond doubt:
    the code calls no function that isn't analytic.
    """
    name = next(iter(direction)).partition("@")[0]
    if oracles.contradicted(oracle, direction):
        raise RefutedError(oracle, f"it disagrees with {oracles.DIFFERENCES} in {name}")
    if oracle.name == oracles.COMPLEX:
        nearby, error = oracle.difference(direction)
        if abs(computed - nearby) <= 8.0 * error + abs(true - nearby):
            unfit = not_analytic(oracle.loss)
            if unfit:
                raise RefutedError(oracle, f"the loss calls {', '.join(unfit)}")


def is_confirmed(computed: float, oracle: Oracle, direction: Arrays) -> bool:
    """Whether differences with other steps say as well that a computed entry is wrong."""
    if not np.isfinite(computed):
        return True
    said = [oracle.difference(direction, start) for start in (1.0, 0.3, 0.02)]
    gap = min(abs(computed - true) - 4.0 * error for true, error in said)
    if said[0][1] > max(0.1 * abs(said[0][0]), 1e-4 * gap):
        return False
    # Where a kink is near, the usual steps can all step over it, and then agree.
    for true, error in [*said, *(oracle.difference(direction, s) for s in oracles.NEARER)]:
        off, errors = abs(true - said[0][0]), error + said[0][1]
        if off > min(4.0 * errors + 1e-3 * abs(said[0][0]), 0.25 * gap + errors):
            return False
    return bool(gap > 0.0)
