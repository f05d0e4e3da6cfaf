"""Hypothesis that repeated indices are lost: `g[i] += x` adds only once for an index twice in i."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..calls import CaseError
from ..evaluated_problem import to_array
from .captured import captured, expected_gradient, fill
from .evidence import ENOUGH, Evidence

BY_POSITION = (("last", -1), ("first", 0))


def repeated_indices_lost(evidence: Sequence[Evidence]) -> str | None:
    for key in captured(evidence[0].again(), "iu"):
        for axis in range(evidence[0].computed.ndim):
            if _fits(evidence, key, axis):
                said = f"repeated indices are lost ({key}): "
                for word, position in BY_POSITION:
                    if all(_counts_one(one, key, axis, position) for one in evidence):
                        return f"{said}only the {word} of them counts"
                return f"{said}right where an index occurs once, wrong where it occurs more often"
    return None


def _fits(evidence: Sequence[Evidence], key: str, axis: int) -> bool:
    """Whether exactly the repeated indices are wrong, often enough to be no coincidence."""
    again_and_wrong = once_and_right = 0
    for one in evidence:
        held = captured(one.again(), "iu")
        if key not in held or one.computed.ndim <= axis:
            return False
        indices, length = to_array(held[key]).ravel(), one.computed.shape[axis]
        if indices.size == 0 or indices.min() < 0 or indices.max() >= length:
            return False
        counts = np.bincount(indices, minlength=length)
        rest = tuple(other for other in range(one.computed.ndim) if other != axis)
        wrong, moved = one.wrong.any(rest), one.expected.any(rest)
        if (wrong & (counts < 2)).any():
            return False
        again_and_wrong += int(np.count_nonzero(wrong))
        once_and_right += int(np.count_nonzero((counts == 1) & ~wrong & moved))
    return again_and_wrong >= ENOUGH and once_and_right >= ENOUGH


def _counts_one(one: Evidence, key: str, axis: int, position: int) -> bool:
    """Whether the gradient counts only one occurrence of each index, the first or the last.

    To separate the occurrences, each gets a slice of its own: the parameter is extended by copies
    of the indexed slices, and the indices are changed to point to these copies.
    """
    evaluated = one.again()
    held: Any = captured(evaluated, "iu")[key]
    indices = to_array(held)
    value = evaluated.point[one.name]
    length = value.shape[axis]
    larger = np.concatenate([value, np.take(value, indices.ravel(), axis)], axis)
    loss = replace(evaluated.loss, point=evaluated.point | {one.name: larger})
    fill(held, (length + np.arange(indices.size)).reshape(indices.shape))
    try:
        slopes = np.moveaxis(expected_gradient(loss, one.name), axis, 0)
    except CaseError:  # the loss may depend on the parameter's shape
        return False
    alone, together = slopes[:length].copy(), slopes[:length].copy()
    for index in np.unique(indices):
        occurrences = slopes[length:][indices.ravel() == index]
        alone[index] += occurrences[position]
        together[index] += occurrences.sum(0)
    size = np.abs(one.expected).max(initial=0.0)
    known = np.allclose(np.moveaxis(together, 0, axis), one.expected, rtol=1e-6, atol=1e-6 * size)
    return known and one.explained_by(np.moveaxis(alone, 0, axis))
