"""Runs of `bptt train` in processes of their own, several at a time; finished ones are kept."""

import subprocess
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bptt.runs.results import Results


@dataclass(frozen=True)
class Planned:
    """A run: where it goes and the options that it is begun with."""

    folder: Path
    corpus: str
    options: tuple[str, ...]

    @property
    def arguments(self) -> list[str]:
        """Of `bptt train`: to begin it, or to go on with it."""
        if self.folder.exists():
            return ["--resume", str(self.folder)]
        return [self.corpus, *self.options, "--out", str(self.folder)]

    def results(self) -> Results | None:
        path = self.folder / "results.json"
        return Results.model_validate_json(path.read_bytes()) if path.exists() else None


@dataclass(frozen=True)
class Finished:
    """A run and what it came to; without results, `said` is why it could not be finished."""

    planned: Planned
    results: Results | None
    said: str = ""


def carry_out(planned: Iterable[Planned], jobs: int) -> Iterator[Finished]:
    """Carry out so many runs at a time; give them back in their order."""
    with ThreadPoolExecutor(jobs) as pool:
        yield from pool.map(_finish, planned)


def _finish(planned: Planned) -> Finished:
    results = planned.results()
    if results is not None:
        return Finished(planned, results)
    planned.folder.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "bptt", "train", *planned.arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode < 0 or done.returncode > 128:
        raise KeyboardInterrupt  # a signal: nothing that the run itself came to
    return Finished(planned, planned.results(), done.stderr.strip())
