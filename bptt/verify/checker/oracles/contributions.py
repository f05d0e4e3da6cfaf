"""Compute the expected contribution of each time step to the gradient.

It is the gradient with respect to that step's own copy of the parameters.
"""

import numpy as np

from ..calls import CaseError
from ..evaluated_problem import UNITS, Arrays, EvaluatedProblem, same_loss
from ..problem import Case
from . import choice, differences
from .choice import Oracle


def expected_contributions(
    evaluated: EvaluatedProblem, case: Case, rng: np.random.Generator, oracle: Oracle | None = None
) -> tuple[list[Arrays], Arrays, Oracle]:
    """Return the expected contribution of each step, the sum of their errors, and the oracle.

    The first step comes first. `oracle` belongs to the loss with a copy of the parameters for each
    step; by default it is the best. Raises CaseError where the problem has no such loss.
    """
    T = case.sizes.get("T")
    if T is None or evaluated.problem.loss_of_steps is None:
        raise CaseError("broken", "fold needs loss_of_steps and a size called T")
    loss = evaluated.loss_of_copies(T)
    oracle = oracle or choice.choose(loss, rng)
    unit = max(loss.unit, UNITS[oracle.arithmetic])
    same_loss(evaluated.loss(evaluated.point), loss(loss.point), unit)
    contributions = [{name: np.zeros(value.shape) for name, value in evaluated.point.items()}
              for _ in range(T)]  # fmt: skip
    errors = {name: np.zeros(value.shape) for name, value in evaluated.point.items()}
    for t, contribution in enumerate(contributions):
        for name, value in contribution.items():
            if oracle.gradient is not None:
                value[...] = oracle.gradient[f"{name}@{t}"]
                continue
            for place in np.ndindex(value.shape):
                direction = differences.entry(loss, f"{name}@{t}", place)
                value[place], error = oracle.slope(direction)
                errors[name][place] += error
    return contributions, errors, oracle
