"""The course of a run: its workloads, one after another."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import numpy as np

from bptt.text.corpora import Corpus

from ..harness.arena import Arena
from ..harness.profiles import Profile
from ..harness.progress import Progress
from ..harness.results import Workload
from . import cold, growth, layer, sampling, training
from .cold import ColdStart
from .growth import Series

DTYPES = ("float64", "float32")


@dataclass(frozen=True)
class Settings:
    """The settings of a run.

    `engines` holds the names of the engines to measure, empty for all; `threads` the thread counts
    for each workload.
    """

    profile: Profile
    profile_name: str
    corpus: Corpus
    workloads: tuple[str, ...]
    engines: set[str]
    threads: dict[str, tuple[int, ...]]
    seed: int


class Suite:
    """Holds the processes for each thread count; leaving the context ends them."""

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self.settings = settings
        self.progress = progress
        self.workloads: list[Workload] = []
        self.growth: list[Series] = []
        self.cold: list[ColdStart] = []
        self._stack = ExitStack()

    def __enter__(self) -> "Suite":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def run(self) -> Iterator[None]:
        """Run the workloads, yielding after each.

        `workloads`, `growth` and `cold` then hold the results so far.
        """
        chosen = {
            name: self.settings.threads[name] for name in RUNS if name in self.settings.workloads
        }
        for threads in sorted(set().union(*chosen.values())):
            with Arena(threads, self.progress, self.settings.seed) as arena:
                for name in chosen:
                    if threads in chosen[name]:
                        for workload in RUNS[name](self, arena):
                            self.workloads.append(workload)
                            yield
        yield from self._run_series()

    def _run_series(self) -> Iterator[None]:
        """Measure growth and cold starts, with a process per point and one thread."""
        settings = self.settings
        profile, names = settings.profile, settings.engines
        random = np.random.default_rng(settings.seed)
        if "cold" in settings.workloads:
            self.progress.head("(e) cold start")
            problem = training.problem(profile, settings.corpus)
            starts = cold.run(problem, profile.cold_rounds, self.progress, names, random)
            self.cold.extend(starts)
            yield
        if "growth" in settings.workloads:
            for series in growth.run(profile, self.progress, names, random):
                self.growth.append(series)
            yield


def run_training(suite: Suite, arena: Arena) -> Iterator[Workload]:
    settings = suite.settings
    problem = training.problem(settings.profile, settings.corpus)
    for dtype in DTYPES:
        suite.progress.head(f"(a) training iteration, {dtype}")
        yield training.run(arena, settings.profile, problem, dtype, settings.engines)


def run_layer(suite: Suite, arena: Arena) -> Iterator[Workload]:
    yield from layer.run(arena, suite.settings.profile, suite.settings.engines)


def run_sampling(suite: Suite, arena: Arena) -> Iterator[Workload]:
    settings = suite.settings
    suite.progress.head("(d) sampling")
    problem = training.problem(settings.profile, settings.corpus)
    yield sampling.run(arena, settings.profile, problem, settings.engines)


RUNS: dict[str, Callable[[Suite, Arena], Iterator[Workload]]] = {
    "training": run_training,
    "layer": run_layer,
    "sampling": run_sampling,
}
WORKLOADS = (*RUNS, "growth", "cold")
