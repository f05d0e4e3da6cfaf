"""A run that goes on with another number of processes, again and again, ends in the same bytes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bptt.runs.folder import RunFolder
from bptt.sessions import lifecycle

from ...bptt.sessions.test_parallel import ended, start
from ...program import TEXT
from .scenarios import quietly

PROCESSES = ((1, 2, 4, 1), (4, 1, 2))  # that one run is trained by, one number after another
ITERATIONS = 30  # with each number
GIVEN: dict[str, Any] = {
    "engine": "fast", "hidden_size": 7, "seq_length": 4, "lanes": 8, "checkpoint_every": 10,
    "validate_every": 15, "sample_every": 50, "learning_rate": 0.05,
}  # fmt: skip
# Every process has two lanes or more, and the clip that acts on sums over all lanes.
KINDS: tuple[dict[str, Any], ...] = (
    {},
    {"dtype": "float32", "clip": 0.01},
    {"learn_initial_state": True, "optimizer": "adam"},
)


def is_elastic(kind: dict[str, Any], numbers: Sequence[int], folder: Path) -> bool:
    """Train a run with each number of processes in turn; compare it with one process's run."""
    (folder / "text.txt").write_text(TEXT)
    total = ITERATIONS * len(numbers)
    text = str(folder / "text.txt")
    whole, run = RunFolder(folder / "whole"), RunFolder(folder / "run")
    given = GIVEN | kind
    quietly(lambda _: lifecycle.begin(text, given | {"iterations": total}, whole.path), folder)
    first = given | {"iterations": ITERATIONS}
    quietly(lambda _: lifecycle.make(text, first, run.path), folder)
    for number, processes in enumerate(numbers, 1):
        arguments = ("train", "--resume", "run", "--iterations", number * ITERATIONS)
        status, output = ended(start(processes, "bptt", *arguments, folder=folder))
        assert status == 0, output
    return run.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
