"""Name the pattern of an error: the first hypothesis that explains several cases."""

from collections.abc import Sequence

import numpy as np

from . import clipping, confined, factors, lost_indices, products, rearranged, steps, upstream
from .evidence import ENOUGH, Evidence, Hypothesis, distinct

HYPOTHESES: tuple[Hypothesis, ...] = (
    factors.expected_is_zero,
    factors.zero,
    factors.constant_factor,
    factors.factor_of_sizes,
    *rearranged.HYPOTHESES,
    steps.weights_of_steps,
    factors.added_parameter,
    *clipping.HYPOTHESES,
    *confined.HYPOTHESES,
    lost_indices.repeated_indices_lost,
    products.by_rows_or_columns,
    upstream.as_if_constant,
    steps.cut_off_in_time,
    factors.noise,
)


def explain(evidence: Sequence[Evidence]) -> str:
    """Return a description of the first pattern that fits all the evidence, or ""."""
    if not evidence:
        return ""
    if not all(np.isfinite(one.computed).all() for one in evidence):
        return "not finite"
    if distinct(evidence) < ENOUGH:
        return ""
    for hypothesis in HYPOTHESES:
        found = hypothesis(evidence)
        if found:
            return found
    return ""
