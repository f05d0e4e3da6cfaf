"""Hypotheses that the numbers are right but in the wrong places."""

from collections.abc import Sequence

import numpy as np

from .evidence import Evidence


def transposed(evidence: Sequence[Evidence]) -> str | None:
    ndim = evidence[0].computed.ndim
    for first in range(ndim):
        for second in range(first + 1, ndim):
            if all(
                one.computed.ndim == ndim
                and one.explained_by(np.swapaxes(one.expected, first, second))
                for one in evidence
            ):
                return "transposed" if ndim == 2 else f"axes {first} and {second} are swapped"
    return None


def another(evidence: Sequence[Evidence]) -> str | None:
    for other in evidence[0].others:
        if all(
            other in one.others and one.explained_by(one.expected_of(other)) for one in evidence
        ):
            return f"the gradient of {other}"
    return None


def rolled(evidence: Sequence[Evidence]) -> str | None:
    for axis in range(evidence[0].computed.ndim):
        for by in (1, -1):
            if all(one.explained_by(np.roll(one.expected, by, axis)) for one in evidence):
                what = ("row", "column")[axis] if axis < 2 else f"place on axis {axis}"
                return f"shifted by one {what if evidence[0].computed.ndim > 1 else 'entry'}"
    return None


def reversed_order(evidence: Sequence[Evidence]) -> str | None:
    for axis in range(evidence[0].computed.ndim):
        if all(one.explained_by(np.flip(one.expected, axis)) for one in evidence):
            return "in reverse order" + (f" along axis {axis}" if axis else "")
    return None


HYPOTHESES = (transposed, another, rolled, reversed_order)
