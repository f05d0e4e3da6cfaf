"""Problems with one parameter, from a loss and a gradient of its array."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bptt.verify import GradientProblem


def of_one(
    loss: Callable[[Any], Any],
    gradient: Callable[[Any], Any],
    at: Any = None,
    **other: Any,
) -> Callable[..., GradientProblem]:
    """Make a problem with one parameter, w."""

    def problem(n: int, rng: np.random.Generator) -> GradientProblem:
        w = rng.standard_normal(n) if at is None else np.array(at)
        return GradientProblem(
            {"w": w}, lambda p: loss(p["w"]), lambda p: {"w": gradient(p["w"])}, **other
        )

    return problem


CUBE = of_one(lambda w: (w**3).sum(), lambda w: 3 * w**2)
