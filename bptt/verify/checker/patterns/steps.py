"""Hypotheses on which time steps contribute, and how far back in time a gradient reaches."""

from collections.abc import Sequence

import numpy as np

from ..calls import CaseError
from .captured import expected_gradient
from .evidence import ENOUGH, Evidence

SHRUNK = (0.1, 0.05, 0.025)  # factors on a recurrent matrix
NEAR_AN_INTEGER = 0.4
VISIBLE = 1e-13  # relative to the largest entry: smaller errors are rounding


def weights_of_steps(evidence: Sequence[Evidence]) -> str | None:
    """Whether the gradient is a sum of the expected contributions with weights other than 1."""
    said: list[set[str]] = []
    for one in evidence:
        T = one.sizes.get("T", 1)
        if T < 2 or one.computed.size <= T:
            continue
        if one.contributions is None:
            return None
        columns = np.stack([step[one.name].ravel() for step in one.contributions], axis=1)
        if np.linalg.matrix_rank(columns) < T:
            continue
        weights = np.linalg.lstsq(columns, one.computed.ravel(), rcond=None)[0]
        if not one.explained_by((columns @ weights).reshape(one.computed.shape)):
            return None
        said.append(set(_phrases([float(weight) for weight in np.round(weights, 6) + 0.0])))
    common = set.intersection(*said) if len(said) >= ENOUGH else set()
    return min(common, key=lambda phrase: (not phrase.startswith("missing"), phrase), default=None)


def _phrases(weights: list[float]) -> list[str]:
    """Describe the weights of the steps in all ways that apply."""
    T = len(weights)
    counted = [t for t in range(T) if weights[t] == 1.0]
    if not counted or set(weights) != {0.0, 1.0}:
        return [f"adds its steps with the weights {', '.join(f'{w:g}' for w in weights)}"]
    if counted == list(range(T - len(counted), T)):
        return [
            f"missing the first {_steps(T - len(counted))}",
            f"truncated in time: only the last {_steps(len(counted))} count",
        ]
    if counted == list(range(len(counted))):
        return [
            f"missing the last {_steps(T - len(counted))}",
            f"only the first {_steps(len(counted))} count",
        ]
    missing = ", ".join(str(t) for t in range(T) if t not in counted)
    return [f"missing the steps {missing} (from 0)"]


def _steps(count: int) -> str:
    return "step" if count == 1 else f"{count} steps"


def cut_off_in_time(evidence: Sequence[Evidence]) -> str | None:
    """Whether exactly the terms that reach back over K steps or more are missing.

    A term that reaches back k steps has the recurrent matrix k times as a factor. So if that matrix
    is multiplied by ε, an error that begins K steps back is multiplied by ε^K; an error in each
    step, or one that only appears in long sequences for other reasons, is not.
    """
    lengths = [one.sizes.get("T", 0) for one in evidence]
    longest = min(lengths) - 1
    point = max(evidence, key=lambda one: one.computed.size).again().point
    square = [
        name
        for name, value in point.items()
        if value.ndim == 2 and value.shape[0] == value.shape[1]
    ]
    # An initial state of zeros hides the error of the gradient that it is multiplied with.
    for K in range(longest, max(longest - 2, 1), -1):
        if any(_all_of_order(evidence, name, K) for name in square):
            return f"truncated in time: nothing goes back over {K} steps or more"
    return None


def _all_of_order(evidence: Sequence[Evidence], recurrent: str, K: int) -> bool:
    """Whether enough cases have this order, and none has another."""
    shown = 0
    for one in sorted(evidence, key=lambda one: (one.sizes["T"], -one.computed.size)):
        order = _order(one, recurrent)
        if order not in (K, None):
            return False
        shown += order is not None
        if shown == 2 * ENOUGH:
            break
    return shown >= ENOUGH


def _order(one: Evidence, recurrent: str) -> int | None:
    """Return the power of the recurrent matrix's scale with which the error vanishes, or None."""
    errors = []
    for factor in SHRUNK:
        evaluated = one.again()
        evaluated.point[recurrent] *= factor
        try:
            computed = evaluated.gradient()[one.name]
            expected = expected_gradient(evaluated.loss, one.name)
        except CaseError:
            return None
        size = float(np.abs(expected).max(initial=0.0))
        off = float(np.abs(computed - expected).max(initial=0.0))
        errors.append(off if off > VISIBLE * size else np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        powers = -np.diff(np.log2(errors))
    if not np.isfinite(powers).all() or np.abs(powers - round(powers[0])).max() > NEAR_AN_INTEGER:
        return None
    return round(float(powers[0]))
