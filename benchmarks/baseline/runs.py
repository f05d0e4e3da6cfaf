"""Runs of `bptt train` in separate processes, several at a time; finished runs are reused."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bptt.runs.results import Results


@dataclass(frozen=True)
class PlannedRun:
    """A run to be executed: its folder and its command-line options."""

    folder: Path
    corpus: str
    options: tuple[str, ...]

    @property
    def arguments(self) -> list[str]:
        """Return the arguments of `bptt train` that start the run or resume it."""
        if self.folder.exists():
            return ["--resume", str(self.folder)]
        return [self.corpus, *self.options, "--out", str(self.folder)]

    def results(self) -> Results | None:
        path = self.folder / "results.json"
        return Results.model_validate_json(path.read_bytes()) if path.exists() else None


@dataclass(frozen=True)
class FinishedRun:
    """A run and its results; without results, `error` is the error message."""

    planned: PlannedRun
    results: Results | None
    error: str = ""


def execute(planned: Iterable[PlannedRun], jobs: int) -> Iterator[FinishedRun]:
    """Execute the runs, `jobs` at a time; yield them in the given order."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(_finish, planned)


def _finish(planned: PlannedRun) -> FinishedRun:
    results = planned.results()
    if results is not None:
        return FinishedRun(planned, results)
    planned.folder.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "bptt", "train", *planned.arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode < 0 or done.returncode > 128:
        raise KeyboardInterrupt  # ended by a signal, not by an error of its own
    return FinishedRun(planned, planned.results(), done.stderr.strip())
