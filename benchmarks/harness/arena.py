"""The course of a comparison: build each engine, check it, time it, and check it again.

A check compares the engine's results with the oracle's.
"""

import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..problems.differences import Difference, worst
from .absence import AbsentError
from .process import FailedError, Process
from .progress import Progress
from .registry import Engine
from .results import ABSENT, FAILED, MEASURED, REFUSED, EngineResult
from .rounds import measure, units_needed


class Remote:
    """A proxy for the engine object in another process: its methods are called there."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def __getattr__(self, method: str) -> Callable[..., Any]:
        return lambda *arguments: self._process.ask("call", method, *arguments)


Check = Callable[[Engine, Any], Iterable[Difference]]


@dataclass(frozen=True)
class Yardstick:
    """The limit: timed in the same rounds as the engines, but there is nothing to check in it.

    `subject` names its class as "module:class", as an Engine's does.
    """

    name: str
    description: str
    subject: str
    problem: Any


@dataclass
class Competition:
    """The results of all engines, the order in each round, and the limit with its parts."""

    engines: list[EngineResult]
    orders: list[list[str]] = field(default_factory=list)
    limit: EngineResult | None = None
    limit_parts: dict[str, list[float]] = field(default_factory=dict)


class Arena:
    """Holds one process per engine; leaving the context ends all of them."""

    def __init__(self, threads: int, progress: Progress, seed: int) -> None:
        self.threads = threads
        self.progress = progress
        self.random = np.random.default_rng(seed)
        self._stack = ExitStack()
        self._processes: dict[str, Process] = {}

    def __enter__(self) -> "Arena":
        # A fresh cache, so that the first call of this run doesn't load an earlier run's code.
        cache = self._stack.enter_context(tempfile.TemporaryDirectory(prefix="inductor-"))
        self._extra = {"TORCHINDUCTOR_CACHE_DIR": cache}
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def compete(
        self,
        engines: Iterable[Engine],
        problem: Any,
        check: Check,
        *,
        rounds: int,
        sample_seconds: float,
        same_units: bool,
        yardstick: Yardstick | None = None,
    ) -> Competition:
        """Check the engines, then time those that compute the right results.

        `check` yields the differences from the oracle. A sample takes about `sample_seconds`
        seconds. With `same_units` all engines run as many units per sample as the fastest needs
        for that, so that all do the same work; otherwise each runs as many as it needs itself.
        """
        results = [self._admit(engine, problem, check) for engine in engines]
        admitted = {result.name: result for result in results if result.status == MEASURED}
        if not admitted:
            return Competition(results)
        processes = {name: self._processes[name] for name in admitted}
        units = {}
        for name, process in processes.items():
            self.progress.say(f"{name}: warming up")
            try:
                units[name] = units_needed(process, sample_seconds)
            except FailedError as error:
                admitted.pop(name)
                self._fail(results, name, error)
        processes = {name: processes[name] for name in units}
        if not processes:
            return Competition(results)
        if same_units:
            units = dict.fromkeys(units, max(units.values()))
        limit = self._limit(yardstick) if yardstick else None
        if limit:
            processes[limit.name], units[limit.name] = self._processes[limit.name], 1
        self.progress.begin("rounds", rounds * len(processes))
        timings, orders = measure(
            processes, units, rounds=rounds, random=self.random, each=self.progress.advance
        )
        for engine in engines:
            if engine.name not in admitted:
                continue
            result, timing = admitted[engine.name], timings[engine.name]
            result.units, result.seconds, result.cores = (
                timing.units,
                timing.seconds,
                timing.cores,
            )
            self._recheck(engine, result, check)
        if limit is None:
            return Competition(results, orders)
        process, timing = processes[limit.name], timings[limit.name]
        limit.units, limit.seconds, limit.cores = timing.units, timing.seconds, timing.cores
        return Competition(results, orders, limit, process.ask("call", "parts"))

    def _limit(self, yardstick: Yardstick) -> EngineResult:
        """Prepare the limit in a process of one thread: no thread pool can exceed its multiple."""
        name = yardstick.name
        if name not in self._processes:
            self._processes[name] = self._stack.enter_context(Process(threads=1))
        self.progress.say(f"{name}: looking for the fastest programs")
        process = self._processes[name]
        process.ask("make", yardstick.subject, yardstick.problem)
        about = {"programs": process.ask("call", "programs")}
        return EngineResult(name, yardstick.description, "", MEASURED, about=about)

    def _admit(self, engine: Engine, problem: Any, check: Check) -> EngineResult:
        lower = f"in {engine.precision}" if engine.precision else ""
        computes = str(engine.rule) if engine.rule else lower
        result = EngineResult(engine.name, engine.description, computes, MEASURED)
        process = self._processes.get(engine.name)
        if process is None:
            process = Process(threads=self.threads, extra=self._extra)
            self._processes[engine.name] = self._stack.enter_context(process)
        self.progress.say(f"{engine.name}: comparing with the oracle")
        try:
            process.ask("make", engine.subject, problem)
            found = worst(check(engine, Remote(process)))
            result.about = process.ask("about")
        except AbsentError as error:
            result.status, result.remark = ABSENT, str(error)
        except FailedError as error:
            result.status, result.remark = FAILED, last_line(error)
            self._processes.pop(engine.name).close()
        else:
            result.difference, result.difference_share = str(found), found.share
            result.error = found.relative
            if not found.agrees:
                result.status, result.remark = REFUSED, str(found)
        if result.status != MEASURED:
            self.progress.say(f"{engine.name}: {result.status}: {result.remark}")
        return result

    def _fail(self, results: list[EngineResult], name: str, error: FailedError) -> None:
        (result,) = (result for result in results if result.name == name)
        result.status, result.remark = FAILED, last_line(error)
        self._processes.pop(name).close()
        self.progress.say(f"{name}: {FAILED}: {result.remark}")

    def _recheck(self, engine: Engine, result: EngineResult, check: Check) -> None:
        """Refuse an engine whose results are no longer right after the timing."""
        found = worst(check(engine, Remote(self._processes[engine.name])))
        if not found.agrees:
            result.status, result.remark = REFUSED, f"after the timing, {found}"
            self.progress.say(f"{engine.name}: {REFUSED}: {result.remark}")


def last_line(error: Exception) -> str:
    """Return the last line of an error's message."""
    lines = str(error).strip().splitlines()
    return lines[-1] if lines else type(error).__name__


def only(engines: Iterable[Engine], names: Mapping[str, Any] | set[str]) -> list[Engine]:
    """Return the engines with these names, or all if there are no names."""
    return [engine for engine in engines if not names or engine.name in names]
