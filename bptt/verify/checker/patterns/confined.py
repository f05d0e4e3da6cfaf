"""Hypotheses that only one entry, row, column or the diagonal is wrong."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from .evidence import BY_CHANCE, ENOUGH, Evidence, all_fit


def one_entry(evidence: Sequence[Evidence]) -> str | None:
    place = _only([(one.wrong, np.not_equal(one.expected, 0.0)) for one in evidence])
    return None if place is None else f"one entry ({place})"


def one_row_or_column(evidence: Sequence[Evidence]) -> str | None:
    if any(one.computed.ndim != 2 for one in evidence):
        return None
    for axis, what in ((0, "row"), (1, "column")):
        place = _only(
            [(one.wrong.any(1 - axis), one.expected.any(1 - axis)) for one in evidence],
        )
        if place is not None:
            return f"one {what} ({place})"
    return None


def _only(marked: Sequence[tuple[Any, Any]]) -> str | None:
    """Return the one index that is wrong in all cases, counted from the start or from the end.

    `marked` holds two masks for each case: what is wrong, and what is non-zero and so could be. A
    gradient with a single non-zero column is no evidence, and the agreement must be unlikely to be
    a coincidence.
    """
    for from_end in (False, True):
        places, chance, telling = set(), [], 0
        for wrong, nonzero in marked:
            found = np.argwhere(wrong)
            if len(found) != 1:
                return None
            shift = np.array(wrong.shape) if from_end else 0
            places.add(tuple(int(i) for i in found[0] - shift))
            candidates = int(np.count_nonzero(nonzero | wrong))
            telling += candidates > 1
            chance.append(1.0 / candidates)
        chance.remove(min(chance))  # the first case only defines the index
        if len(places) == 1 and telling >= ENOUGH and np.prod(chance) <= BY_CHANCE:
            return ", ".join(map(str, places.pop()))
    return None


def diagonal(evidence: Sequence[Evidence]) -> str | None:
    def fits(one: Evidence) -> bool | None:
        if one.computed.ndim != 2:
            return False
        on = np.eye(*one.computed.shape, dtype=bool)
        if (one.wrong & ~on).any():
            return False
        telling = np.count_nonzero(one.wrong) > 1 and one.expected[~on].any()
        return True if telling else None

    return "the diagonal" if all_fit(map(fits, evidence)) else None


HYPOTHESES = (one_entry, one_row_or_column, diagonal)
