"""Verify a backward pass: every check, then the values against the best oracle."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from bptt.errors import InputError

from ..checker.calls import CaseError
from ..checker.problem import Case
from ..checker.report import Report
from ..checker.search import Settings
from ..checker.verifying import verify
from . import repeats
from .checks import CHECKS, FAILED, REFUSED, CheckResult, run
from .lower_precision import UNIT_OF, lower_precision
from .problem import BackwardCase, BackwardProblem, maker_of

SMALL, MEDIUM = 2, 17  # sizes at which the checks are run: from here upwards, each another
RACE_SECONDS = 2.0


@dataclass(frozen=True)
class BackwardReport:
    """The results of all checks, and the report on the values."""

    target: str
    checks: tuple[CheckResult, ...]
    values: Report
    seconds: float

    @property
    def failed(self) -> list[CheckResult]:
        return [check for check in self.checks if check.verdict == FAILED]

    @property
    def verdict(self) -> str:
        return "wrong" if self.failed else self.values.verdict

    @property
    def exit_status(self) -> int:
        """0: all right; 1: something is wrong; 2: it couldn't be run, or not everywhere."""
        return 1 if self.failed else self.values.exit_status


def verify_backward(
    function: Any,
    inputs: Callable[..., Any] | None = None,
    *,
    forward: Callable[..., Any] | None = None,
    settings: Settings | None = None,
    dtypes: tuple[str, ...] = ("float32",),
    race_seconds: float = RACE_SECONDS,
) -> BackwardReport:
    """Verify a function with its own backward pass; see `BackwardProblem` for what it may be.

    `function` may be a `BackwardProblem` itself. `dtypes` are the lower precisions that are tried
    too: float32, bfloat16, float16. `race_seconds` is how long the same call is repeated.

        report = verify_backward(LayerNorm.apply, inputs)
        report.verdict, [check.name for check in report.failed]

    Raises InputError where nothing could be run.
    """
    begun = time.perf_counter()
    problem = _problem(function, inputs, forward)
    unknown = set(dtypes) - UNIT_OF.keys()
    if unknown:
        raise InputError(f"dtypes: expected some of {', '.join(UNIT_OF)}, got {unknown.pop()}")
    settings = settings or Settings()
    maker = maker_of(problem, settings.time_limit)
    values = verify(maker, settings)
    checks = list(_checked(problem, settings, dtypes, race_seconds))
    return BackwardReport(problem.name, tuple(checks), values, time.perf_counter() - begun)


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
    problem: BackwardProblem, settings: Settings, dtypes: tuple[str, ...], race_seconds: float
) -> Iterator[CheckResult]:
    """Run every check at small and at medium sizes; the first result that isn't a pass counts."""
    maker = maker_of(problem, settings.time_limit)
    cases = [
        Case(
            {name: low + place for place, name in enumerate(problem.size_names)},
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
    checks = [*CHECKS, repeats.graph_used_twice, repeats.uninitialized_memory]
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
        yield max(
            (
                result
                for case in cases
                for result in lower_precision(problem, maker, case, settings.time_limit, dtype)
            ),
            key=lambda result: RANK[result.verdict],
        )
    yield from repeats.many_calls(made[0], race_seconds)


RANK = {"passed": 0, REFUSED: 1, FAILED: 2}
