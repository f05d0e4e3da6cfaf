"""Confirm with central differences that an entry is wrong."""

import numpy as np

from ..case_result import KINK, UNDECIDABLE, distance
from ..evaluated_problem import Arrays
from . import choice, differences
from .analytic import makes_subnormals, not_analytic
from .choice import Oracle, RefutedError
from .kinks import kink_at

TESTS = 40  # entries of a parameter


def ruled_out(
    name: str, computed: np.ndarray, expected: np.ndarray, allowed: np.ndarray, oracle: Oracle
) -> tuple[str, str] | None:
    """Return a verdict other than wrong, with its reason; None if an entry is certainly wrong.

    The error may be explained by a kink, or by an unlucky choice of the steps of differences.
    Raises RefutedError where the oracle is wrong instead.
    """
    off = distance(computed, expected)
    places = np.argwhere(off > allowed)
    order = np.argsort([-off[tuple(place)] for place in places], kind="stable")
    kinks, vague = [], 0
    for i in order[:TESTS]:
        place = tuple(int(k) for k in places[i])
        direction = differences.entry(oracle.loss, name, place)
        kink = kink_at(differences.line(oracle.loss, direction, oracle.dtype), oracle.noise)
        if kink is not None:
            kinks.append(kink)
        elif makes_subnormals(oracle.loss):
            return UNDECIDABLE, "numbers underflow in the loss, which loses their digits"
        elif oracle.name != choice.DIFFERENCES:
            consult_differences(computed[place], expected[place], oracle, direction)
            return None
        elif is_confirmed(computed[place], oracle, direction):
            return None
        else:
            vague += 1
    if kinks:
        left, right = kinks[0].left, kinks[0].right
        return KINK, f"slopes {left:.6g} and {right:.6g} on the two sides"
    return UNDECIDABLE, f"{vague} entries: {oracle.name} depend on the step size"


def consult_differences(
    computed: float, expected: float, oracle: Oracle, direction: Arrays
) -> None:
    """Raise RefutedError where central differences of an entry contradict another oracle.

    `direction` selects the entry, `expected` is the oracle's value, `computed` that of the gradient
    to be verified. Where differences can't distinguish the two, the complex step is only trusted if
    the code calls no function that isn't analytic and nothing underflows.
    """
    name = next(iter(direction)).partition("@")[0]
    if choice.contradicted(oracle, direction):
        raise RefutedError(oracle, f"it disagrees with {choice.DIFFERENCES} in {name}")
    if oracle.name == choice.COMPLEX:
        nearby, error = oracle.difference(direction)
        if abs(computed - nearby) <= 8.0 * error + abs(expected - nearby):
            unfit = not_analytic(oracle.loss)
            if unfit:
                raise RefutedError(oracle, f"the loss calls {', '.join(unfit)}")
            if makes_subnormals(oracle.loss, direction, choice.STEP):
                raise RefutedError(oracle, "numbers underflow in it")


def is_confirmed(computed: float, oracle: Oracle, direction: Arrays) -> bool:
    """Whether central differences with other steps agree that a computed entry is wrong."""
    if not np.isfinite(computed):
        return True
    said = [oracle.difference(direction, start) for start in (1.0, 0.3, 0.02)]
    gap = min(abs(computed - expected) - 4.0 * error for expected, error in said)
    if said[0][1] > max(0.1 * abs(said[0][0]), 1e-4 * gap):
        return False
    # All usual steps may cross a nearby kink, and then agree.
    for expected, error in [*said, *(oracle.difference(direction, s) for s in choice.NEARER)]:
        off, errors = abs(expected - said[0][0]), error + said[0][1]
        if off > min(4.0 * errors + 1e-3 * abs(said[0][0]), 0.25 * gap + errors):
            return False
    return bool(gap > 0.0)
