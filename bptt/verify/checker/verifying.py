"""Verify a gradient: search, shrink, diagnose, and give one verdict over all cases."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from bptt.errors import InputError

from . import case_result
from .case_result import CaseResult
from .loading import ProblemFactory, load
from .report.diagnosis import diagnose
from .report.report import Report
from .search import Search
from .settings import Settings


@np.errstate(all="ignore")  # gradients may hold any numbers
def verify(
    target: str | Callable[..., Any] | ProblemFactory,
    settings: Settings | None = None,
    seen: Callable[[CaseResult], None] = lambda _: None,
) -> Report:
    """Search for a case where a hand-written gradient is wrong, and diagnose the error.

    `target` is a function problem(T, H, ..., rng) that returns a GradientProblem, or the text
    "file.py:problem". `seen` is called with the result of each case.

        report = verify(problem, Settings(cases=100))
        report.verdict, report.exit_status

    Raises InputError where no case at all could be checked.
    """
    begun = time.perf_counter()
    settings = settings or Settings()
    factory = target if isinstance(target, ProblemFactory) else load(target)
    search = Search(factory, settings, seen)
    smallest = search.run()
    diagnosis = None
    if smallest is not None:
        with search.diagnosing(smallest):
            diagnosis = diagnose(search, smallest)
    report = Report(
        factory.target,
        _overall(search.results, smallest),
        tuple(search.results),
        smallest,
        diagnosis,
        time.perf_counter() - begun,
        tuple(search.skipped),
        tuple(search.left_out),
        settings,
    )
    if all(result.verdict in case_result.COULD_NOT_RUN for result in report.results):
        raise InputError(_nothing_ran(report))
    return report


def _overall(results: list[CaseResult], smallest: CaseResult | None) -> str:
    if smallest is not None:
        return smallest.verdict
    verdicts = {result.verdict for result in results}
    if undecided(results):
        return case_result.UNDECIDABLE
    for verdict in case_result.COULD_NOT_RUN:
        if verdict in verdicts:
            return verdict
    for verdict in (
        case_result.RIGHT,
        case_result.ROUNDING,
        case_result.KINK,
        case_result.UNDECIDABLE,
    ):
        if verdict in verdicts:
            return verdict
    return case_result.NOT_FINITE


def undecided(results: list[CaseResult]) -> list[str]:
    """Return the parameters whose gradients could be decided only where they are zero."""
    found: dict[str, set[str]] = {}
    for result in results:
        for name, finding in result.findings.items():
            if finding.computed is None or np.any(finding.computed) or np.any(finding.expected):
                found.setdefault(name, set()).add(finding.verdict)
    return [name for name, verdicts in found.items() if verdicts == {case_result.UNDECIDABLE}]


def _nothing_ran(report: Report) -> str:
    said = []
    if report.skipped and not report.results:
        said += report.coverage
    elif not report.results:
        said.append(f"nothing was checked within {report.settings.budget:g} s (--budget)")
    for (kind, message), results in report.troubles.items():
        first = results[0]
        said.append(f"{message} (at {first.case}; {len(results)} such cases)")
        if first.detail:
            said.append(first.detail)
        if kind == case_result.HUNG:
            said.append("A higher --time-limit allows longer calls.")
    return f"{report.target} could not be run: " + "\n".join(said)
