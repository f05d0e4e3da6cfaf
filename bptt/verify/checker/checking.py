"""One case checked: the hand-written gradient against the best oracle, and a verdict."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bptt.errors import InputError

from .calls import CaseError, OutOfTime
from .case_check import CaseCheck
from .loading import Maker, load
from .outcome import OUT_OF_TIME, SKIPPED, Outcome
from .problem import Case, Skip


def check(
    target: str | Callable[..., Any],
    sizes: Mapping[str, int] | None = None,
    *,
    seed: int = 0,
    scale: float = 1.0,
    counted: int | None = None,
    entrywise: bool = True,
    time_limit: float = 10.0,
    tolerance: float = 0.0,
) -> Outcome:
    """Check one case of `file.py:problem` or of a callable, and return what was found.

    `counted` is handed to the maker: the step whose loss alone counts. `time_limit` is in seconds,
    for each call of the loss or the gradient; `tolerance` is what an entry may be off, in units of
    its parameter's largest. Raises InputError where there is no such problem;
    what it does when run is told by the verdict.
    """
    maker = load(target)
    if counted is not None and not maker.counts_one_step:
        raise InputError(f"{maker.target} takes no keyword counted; it counts all steps")
    case = Case(dict(sizes or {}), seed, scale, counted)
    return check_case(maker, case, entrywise, time_limit, tolerance)


def check_case(
    maker: Maker, case: Case, entrywise: bool, time_limit: float, tolerance: float = 0.0
) -> Outcome:
    """Check one case; all trouble with it becomes a verdict."""
    try:
        with np.errstate(all="ignore"):  # differences of what isn't finite are no news
            return CaseCheck(maker, case, entrywise, time_limit, tolerance).outcome()
    except Skip as skip:
        return Outcome(case, SKIPPED, maker.target, message=str(skip))
    except OutOfTime:
        return Outcome(case, OUT_OF_TIME, maker.target)
    except CaseError as trouble:
        return Outcome(
            case, trouble.kind, maker.target, message=trouble.message, detail=trouble.detail
        )
