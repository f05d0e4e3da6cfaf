"""Hypotheses that a gradient was clipped, entry by entry or by its norm."""

from collections.abc import Sequence

import numpy as np

from .evidence import Evidence
from .factors import factor_of

SAME_NORM = 1e-5  # relative; torch divides by the norm plus 1e-6


def clipped_entries(evidence: Sequence[Evidence]) -> str | None:
    bounds = [float(np.abs(one.computed).max(initial=0.0)) for one in evidence]
    bound = float(np.median(bounds))
    if all(
        one.explained_by(np.clip(one.expected, -bound, bound)) for one in evidence
    ) and np.allclose(bounds, bound, rtol=1e-6, atol=0.0):
        return f"clipped at {bound:.6g}"
    return None


def clipped_by_norm(evidence: Sequence[Evidence]) -> str | None:
    """Whether the computed gradient has the same norm in all wrong cases."""
    factors = [factor_of(one) for one in evidence]
    if not all(factor is not None and factor > 0.0 for factor in factors):
        return None
    for whole in (True, False):
        norms = [
            float(np.sqrt(sum(np.sum(one.computed_of(name) ** 2) for name in names)))
            for one in evidence
            for names in [[one.name, *(one.others if whole else ())]]
        ]
        norm = float(np.median(norms))
        if not np.allclose(norms, norm, rtol=SAME_NORM, atol=0.0):
            continue
        if whole and not all(
            np.allclose(one.computed_of(name), factor * one.expected_of(name), rtol=1e-4,
                        atol=1e-6 * norm)
            for one, factor in zip(evidence, factors, strict=True)
            for name in one.others
        ):  # fmt: skip
            continue
        verb = "clipped" if all(factor <= 1.0 for factor in factors if factor) else "scaled"
        what = "one factor for all parameters" if whole else "each parameter by its own"
        return f"{verb} to the norm {norm:.6g}: {what}"
    return None


HYPOTHESES = (clipped_entries, clipped_by_norm)
