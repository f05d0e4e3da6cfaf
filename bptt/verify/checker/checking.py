"""Check one case: compare the hand-written gradient with the best oracle, and give a verdict."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bptt.errors import InputError

from .calls import CaseError, OutOfTime, at
from .case_check import CaseCheck
from .case_result import OUT_OF_TIME, SKIPPED, CaseResult
from .loading import ProblemFactory, load
from .problem import Case, Skip

VALUES = "values"


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
) -> CaseResult:
    """Check a gradient at one case, and return the result with its verdict.

    `target` is a function problem(T, H, ..., rng) that returns a GradientProblem, or the text
    "file.py:problem". `sizes` are the function's sizes, `seed` that of its rng; the parameters are
    multiplied by `scale`. `counted` is passed to the function: the only step whose loss counts.
    `entrywise` compares every entry also in larger cases. `time_limit` is in seconds, for each call
    of the loss or the gradient. `tolerance` is the permitted error of an entry, relative to the
    largest entry of its parameter.

        print(check("gru.py:problem", {"T": 3, "H": 2}, seed=1))

    Raises InputError where there is no such problem. If the problem itself fails, the verdict says
    so (crashed, hung, broken, not finite).
    """
    factory = load(target)
    if counted is not None and not factory.counts_one_step:
        raise InputError(f"{factory.target} takes no keyword counted: its loss has all steps")
    case = Case(dict(sizes or {}), seed, scale, counted)
    return check_case(factory, case, entrywise, time_limit, tolerance)


def check_case(
    factory: ProblemFactory, case: Case, entrywise: bool, time_limit: float, tolerance: float = 0.0
) -> CaseResult:
    """Check one case; a failure of the problem becomes a verdict."""
    at(VALUES, case)
    try:
        with np.errstate(all="ignore"):  # entries that aren't finite get verdicts of their own
            return CaseCheck(factory, case, entrywise, time_limit, tolerance).result()
    except Skip as skip:
        return CaseResult(case, SKIPPED, factory.target, message=str(skip))
    except OutOfTime:
        return CaseResult(case, OUT_OF_TIME, factory.target)
    except CaseError as trouble:
        return CaseResult(
            case, trouble.kind, factory.target, message=trouble.message, detail=trouble.detail
        )
