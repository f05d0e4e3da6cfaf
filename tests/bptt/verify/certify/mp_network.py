"""The loss once more, in mpmath, and its derivatives by differences that lose nothing.

Nothing here knows of back-propagation: with hundreds of digits, a central difference with a step of
1e-100 is right to about 200 digits, less the logarithm of the third derivative.
"""

from collections.abc import Iterable
from typing import Any

import mpmath
import numpy as np
from flint import arb, fmpz

from reference import Parameters

DIGITS = 400
STEP = mpmath.mpf(10) ** -100
ERROR = arb(10) ** -150  # of a difference, with room for steep third derivatives

# mpmath's classes are made at run time, where no type checker sees them.
Matrix = list[list[Any]]


def to_matrix(values: np.ndarray) -> Matrix:
    return [[mpmath.mpf(entry) for entry in row] for row in values.tolist()]


def loss(
    weights_of_step: list[list[Matrix]],
    inputs: Iterable[int],
    targets: Iterable[int],
    state: list[Any],
) -> Any:
    """Return the window's loss in nats, each step with its own weights."""
    total = mpmath.mpf(0)
    for (Whx, Wha, Wya, bh, by), x, y in zip(weights_of_step, inputs, targets, strict=True):
        state = [
            mpmath.tanh(mpmath.fdot(row, state) + from_x[x] + bias[0])
            for row, from_x, bias in zip(Wha, Whx, bh, strict=True)
        ]
        logits = [mpmath.fdot(row, state) + bias[0] for row, bias in zip(Wya, by, strict=True)]
        total += mpmath.log(sum(mpmath.exp(logit - logits[y]) for logit in logits))
    return total


def contributions(
    parameters: Parameters, inputs: np.ndarray, targets: np.ndarray, state: np.ndarray
) -> list[dict[str, np.ndarray]]:
    """Return the slopes in each step's own copy of each weight, as arrays of mpf."""
    with mpmath.workdps(DIGITS):
        weights = [to_matrix(value) for value in parameters]
        start = [row[0] for row in to_matrix(state)]
        per_step = []
        for t in range(len(inputs)):
            own: list[Matrix] = [[list(row) for row in matrix] for matrix in weights]
            steps = [weights] * t + [own] + [weights] * (len(inputs) - t - 1)
            contribution = {}
            for name, matrix in zip(("Whx", "Wha", "Wya", "bh", "by"), own, strict=True):
                slopes = np.empty((len(matrix), len(matrix[0])), object)
                for i, row in enumerate(matrix):
                    for j, kept in enumerate(row):
                        row[j] = kept + STEP
                        above = loss(steps, inputs.tolist(), targets.tolist(), start)
                        row[j] = kept - STEP
                        below = loss(steps, inputs.tolist(), targets.tolist(), start)
                        row[j] = kept
                        slopes[i, j] = (above - below) / (2 * STEP)
                contribution[name] = slopes
            per_step.append(contribution)
    return per_step


def fold(per_step: list[dict[str, np.ndarray]], clip: float | None) -> dict[str, np.ndarray]:
    """Add the per-step contributions from the last step to the first, clipping after each."""
    with mpmath.workdps(DIGITS):
        sums = {name: value * 0 for name, value in per_step[0].items()}
        for contribution in reversed(per_step):
            for name in sums:
                sums[name] = sums[name] + contribution[name]
                if clip is not None:
                    sums[name] = np.clip(sums[name], mpmath.mpf(-clip), mpmath.mpf(clip))
    return sums


def to_ball(value: Any) -> arb:
    """Convert, exactly, and widen by what the difference may be off."""
    sign, mantissa, exponent, _ = value._mpf_
    return arb((fmpz(-mantissa if sign else mantissa), fmpz(exponent))) + (-ERROR).union(ERROR)
