"""Workload (e): the time from a new process to the first iteration, with empty and warm caches.

Every start is a new process. The folders for compiled code are new for an empty start and reused
for the warm one. An unmeasured import first brings the libraries' files into the system's memory.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..harness.absence import AbsentError
from ..harness.arena import last_line
from ..harness.process import FailedError, Process
from ..harness.progress import Progress
from ..harness.registry import TRAINING, Engine
from ..problems.training import Problem

LIBRARIES = {  # the library that users of the engine import anyway
    "fast": "torch",
    "elman": "torch",
    "nn.RNN": "torch",
    "nn.RNN-compiled": "torch",
    "jax-step": "jax",
    "jax-loop": "jax",
}
EMPTY, WARM = "empty cache", "warm cache"
CACHED = ("fast", "elman", "nn.RNN-compiled")  # engines that cache compiled code on disk


@dataclass
class ColdStart:
    """Seconds of each start: library import, everything else until it is built, one iteration.

    `remark` says why there are no measurements, if there are none.
    """

    engine: str
    library: str
    cache: str
    remark: str = ""
    importing: list[float] = field(default_factory=list)
    building: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)

    @property
    def beyond(self) -> list[float]:
        """Return the seconds beyond the library's own import, for each start."""
        return [building + first for building, first in zip(self.building, self.first, strict=True)]


def start_once(cold: ColdStart, engine: Engine, problem: Problem, folder: str) -> None:
    """Measure one start and add its seconds. Raises AbsentError or FailedError."""
    caches = {"NUMBA_CACHE_DIR": f"{folder}/numba", "TORCHINDUCTOR_CACHE_DIR": f"{folder}/inductor"}
    with Process(threads=1, extra=caches) as process:
        importing = process.ask("load", cold.library)
        building = process.ask("make", engine.subject, problem)
        process.ask("call", "reset")
        first, _ = process.ask("time", 1)
    cold.importing.append(importing)
    cold.building.append(building)
    cold.first.append(first)


def run(
    problem: Problem,
    rounds: int,
    progress: Progress,
    names: set[str],
    random: np.random.Generator,
) -> Iterator[ColdStart]:
    """Start every engine `rounds` times with each kind of cache, in random order per round."""
    engines = [e for e in TRAINING if e.name in LIBRARIES and (not names or e.name in names)]
    starts = {
        (e.name, cache): ColdStart(e.name, LIBRARIES[e.name], cache if e.name in CACHED else "none")
        for e in engines
        for cache in ((EMPTY, WARM) if e.name in CACHED else (EMPTY,))
    }
    progress.begin("starts", rounds * len(starts))
    for library in {LIBRARIES[engine.name] for engine in engines}:
        with Process(threads=1) as process:
            try:
                process.ask("load", library)
            except AbsentError as error:
                progress.say(f"{library}: {error}")
    for _ in range(rounds):
        for index in random.permutation(len(engines)):
            engine = engines[index]
            with tempfile.TemporaryDirectory(prefix="cold-") as folder:
                for cache in (EMPTY, WARM):
                    cold = starts.get((engine.name, cache))
                    if cold is None or cold.remark:
                        continue
                    progress.advance(f"{engine.name}, {cache}")
                    try:
                        start_once(cold, engine, problem, folder)
                    except (AbsentError, FailedError) as error:
                        cold.remark = last_line(error)
                        progress.say(f"{engine.name}: {cold.remark}")
    yield from starts.values()
