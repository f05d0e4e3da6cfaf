"""Collect what the phases find, in this process or in one that user code may kill."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from ..checker.case_result import CRASHED, HUNG, CaseResult
from ..checker.check_result import FAILED, REFUSED, CheckResult
from ..checker.checking import VALUES
from ..checker.loading import load
from ..checker.problem import Case
from ..checker.processes import Death, run
from ..checker.report.report import Report
from ..checker.settings import Settings
from ..checker.verifying import verify
from .phases import Phase, run_phases
from .problem import BackwardProblem, with_time_limit
from .settings import BackwardSettings

MOST_DEATHS = 6  # of processes; then the other checks are left out


class Collected:
    """What was found so far about one target."""

    def __init__(self, target: str, settings: Settings, seen: Callable[[CaseResult], None]) -> None:
        self.target, self.settings, self.seen = target, settings, seen
        self.begun = time.perf_counter()
        self.done: set[str] = set()
        self.results: list[CaseResult] = []
        self.checks: list[CheckResult] = []
        self.values: Report | None = None
        self.deaths = 0

    def add(self, found: Any) -> None:
        if isinstance(found, CaseResult):
            self.results.append(found)
            self.seen(found)
        elif isinstance(found, Report):
            self.values = found
            self.done.add(VALUES)
        elif isinstance(found, Phase):
            self.checks += found.results
            self.done.add(found.title)

    def bury(self, death: Death) -> bool:
        """Record the death of a process, and return whether another can go on."""
        self.deaths += 1
        title = death.check or VALUES
        self.done.add(title)
        if title == VALUES:
            case = death.case or Case({})
            verdict = HUNG if death.hung else CRASHED
            self.results.append(
                CaseResult(case, verdict, self.target, message=death.cause, detail=death.detail)
            )
        else:
            message = f"{death.cause}, at {death.case}"
            self.checks.append(CheckResult(title, FAILED, message, death.detail))
        if death.hung or self.deaths >= MOST_DEATHS or len(self.results) == 1:
            message = f"left out, since {death.cause}"
            self.checks.append(CheckResult("the other checks", REFUSED, message))
            return False
        return True

    def report(self) -> Report:
        seconds = time.perf_counter() - self.begun
        checks = tuple(self.checks)
        if self.values is None:
            last = self.results[-1]
            return Report(
                self.target, last.verdict, tuple(self.results), None, None, seconds,
                settings=self.settings, checks=checks,
            )  # fmt: skip
        return replace(self.values, checks=checks, seconds=seconds)


def in_a_process(
    work: Callable[..., None], target: str, settings: Settings, seen: Callable[[CaseResult], None]
) -> Report:
    """Run `work(done, send)` in a process of its own, and in another if that dies, and so on."""
    collected = Collected(target, settings, seen)
    while True:
        death = run(partial(work, frozenset(collected.done)), collected.add)
        if death is None or not collected.bury(death):
            return collected.report()


def verify_target(
    target: str,
    settings: Settings,
    options: BackwardSettings,
    seen: Callable[[CaseResult], None] = lambda _: None,
) -> Report:
    """Verify `file.py:name`, a BackwardProblem or a function that makes problems.

    The file is loaded, and its functions are run, in a process of their own. Raises InputError as
    `verify` does.
    """
    work = partial(_work, target, settings, options)
    return in_a_process(work, target, settings, seen)


def _work(
    target: str,
    settings: Settings,
    options: BackwardSettings,
    done: frozenset[str],
    send: Callable[[Any], None],
) -> None:
    factory = load(target, settings.time_limit)
    if isinstance(factory.function, BackwardProblem):
        factory = with_time_limit(factory, settings.time_limit)
        run_phases(factory, settings, options, done, send)
    elif VALUES not in done:
        send(verify(factory, settings, send))
