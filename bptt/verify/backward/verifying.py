"""Verify a backward pass: its values against the best oracle, then the other checks."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from bptt.errors import InputError

from ..checker.calls import CaseError
from ..checker.case_result import CaseResult
from ..checker.check_result import RANK, REFUSED, CheckResult
from ..checker.loading import ProblemFactory
from ..checker.problem import Case
from ..checker.report.report import Report
from ..checker.settings import Settings
from ..checker.verifying import verify
from . import repeats
from .checks import CHECKS, run
from .lower_precision import UNIT_OF, LowerPrecision
from .problem import BackwardCase, BackwardProblem

SMALL, MEDIUM = 2, 17  # the first of the sizes at which checks are run; the next is one larger
RACE_SECONDS = 2.0
SECONDS_A_DTYPE = 2.0


def verify_backward(
    function: Any,
    inputs: Callable[..., Any] | None = None,
    *,
    forward: Callable[..., Any] | None = None,
    settings: Settings | None = None,
    seen: Callable[[CaseResult], None] = lambda _: None,
    dtypes: tuple[str, ...] = ("float32",),
    race_seconds: float = RACE_SECONDS,
) -> Report:
    """Verify a function with its own backward pass; see `BackwardProblem` for its arguments.

    `function` may also be a `BackwardProblem`, instead of the first three. `seen` is called with
    the result of each case. `dtypes` are the lower precisions to check as well: float32, bfloat16,
    float16. `race_seconds` is the time for repeating the same call, to find race conditions.

        report = verify_backward(LayerNorm.apply, inputs)
        report.verdict, [check.name for check in report.failed_checks]

    Raises InputError where nothing could be run, or for an unknown dtype.
    """
    problem = _problem(function, inputs, forward)
    factory = ProblemFactory(problem, problem.size_names, problem.name)
    return verify_factory(factory, settings or Settings(), seen, dtypes, race_seconds)


@np.errstate(all="ignore")  # gradients may hold any numbers
def verify_factory(
    factory: ProblemFactory,
    settings: Settings,
    seen: Callable[[CaseResult], None] = lambda _: None,
    dtypes: tuple[str, ...] = ("float32",),
    race_seconds: float = RACE_SECONDS,
) -> Report:
    """Verify a factory whose function is a `BackwardProblem`, as `verify_backward` does."""
    begun = time.perf_counter()
    given: Any = factory.function
    factory = replace(factory, function=replace(given, time_limit=settings.time_limit))
    unknown = set(dtypes) - UNIT_OF.keys()
    if unknown:
        raise InputError(f"dtypes: expected some of {', '.join(UNIT_OF)}, got {unknown.pop()}")
    values = verify(factory, settings, seen)
    checks = list(_checked(factory, settings, dtypes, race_seconds))
    return replace(values, checks=tuple(checks), seconds=time.perf_counter() - begun)


def _problem(
    function: Any, inputs: Callable[..., Any] | None, forward: Callable[..., Any] | None
) -> BackwardProblem:
    if isinstance(function, BackwardProblem):
        return function
    if not callable(inputs):
        raise InputError(
            f"inputs: expected inputs(rng, N, D, ...), which draws the arguments, got {inputs!r}"
        )
    return BackwardProblem(function, inputs, forward)


def _checked(
    factory: ProblemFactory, settings: Settings, dtypes: tuple[str, ...], race_seconds: float
) -> Iterator[CheckResult]:
    """Run every check at small and at medium sizes; the worst result of each counts."""
    problem: Any = factory.function
    cases = [
        Case(
            {name: low + place for place, name in enumerate(factory.size_names)},
            settings.seed,
        )
        for low in (SMALL, MEDIUM)
    ]
    made: list[BackwardCase] = []
    for case in cases:
        try:
            one = BackwardCase(problem, case, settings.time_limit)
            one.gradients()
            made.append(one)
        except CaseError as trouble:
            yield CheckResult(f"at {case}", REFUSED, trouble.message)
    if not made:
        return
    checks = [
        *CHECKS,
        repeats.graph_used_twice,
        repeats.another_call_between,
        repeats.uninitialized_memory,
    ]
    if len(made) == 2:
        checks.append(partial(repeats.another_shape_between, other=made[1]))
    results: dict[str, CheckResult] = {}
    for check in checks:
        for one in made:
            for result in run(check, one):
                known = results.get(result.name)
                if known is None or RANK[result.verdict] > RANK[known.verdict]:
                    results[result.name] = result
    yield from results.values()
    for dtype in dtypes:
        yield LowerPrecision(problem, dtype, settings.time_limit, SECONDS_A_DTYPE).result(
            [one.case for one in made]
        )
    yield from repeats.many_calls(made[0], race_seconds)
