"""Stops after every iteration: a run of each kind, stopped and resumed, ends in the same bytes."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bptt.runs.folder import RunFolder
from bptt.runs.log import Entry
from bptt.sessions import lifecycle, session
from bptt.sessions.display import Display
from bptt.sessions.lifecycle import Run
from bptt.sessions.session import Session

from ...program import TEXT
from .recording import Tree, read_tree
from .scenarios import put, quietly, results


class _Stops(Display):
    """Sends this process the signal of Ctrl-C during an iteration, so that it stops after it."""

    def __init__(self, run: Run, iteration: int) -> None:
        super().__init__(Console(quiet=True), run.config, run.training.iteration)
        self._done, self._iteration = run.training.iteration, iteration

    def __enter__(self) -> "_Stops":
        super().__enter__()
        self._stop_after(self._done)
        return self

    def show(self, entry: Entry) -> None:
        self._stop_after(entry.iteration)

    def _stop_after(self, done: int) -> None:
        if done == self._iteration - 1:
            os.kill(os.getpid(), signal.SIGINT)


def settings(kind: dict[str, Any], iterations: int) -> dict[str, Any]:
    """Return those of a run of a kind (see tests/kinds.py) that logs each iteration."""
    patience = {"patience": 1000} if "patience" in kind else {}
    return {
        "hidden_size": 4, "seq_length": 3, "lanes": 2, "iterations": iterations,
        "learning_rate": 0.05, "log_every": 1, "sample_every": iterations // 4,
        "checkpoint_every": 7, "validate_every": 10,
        **kind, **patience,
    }  # fmt: skip


def stopped_once(kind: dict[str, Any], iterations: int, folder: Path) -> list[int]:
    """Stop a run after iteration 1, another one after 2, …; resume each to its end.

    Return the iterations after which a stop changed something.
    """
    before, expected = _uninterrupted(kind, iterations, folder)
    wrong = []
    for stop in range(1, iterations):
        put(before, folder)
        _train(folder, stop)
        _train(folder)
        if results(folder) != expected:
            wrong.append(stop)
    return wrong


def stopped_always(kind: dict[str, Any], iterations: int, folder: Path) -> bool:
    """Stop one run after each of its iterations; return whether its end is the same."""
    before, expected = _uninterrupted(kind, iterations, folder)
    put(before, folder)
    for stop in range(1, iterations):
        _train(folder, stop)
    _train(folder)
    return results(folder) == expected


def _uninterrupted(
    kind: dict[str, Any], iterations: int, folder: Path
) -> tuple[Tree, dict[str, Any]]:
    """Return a run's folder before its first iteration, and the files of its end."""
    text = folder / "text.txt"
    text.write_text(TEXT)
    given = settings(kind, iterations)
    quietly(lambda _: lifecycle.make(str(text), given, folder / "run"), folder)
    before = read_tree(folder)
    _train(folder)
    return before, results(folder)


def _train(folder: Path, stop: int = 0) -> None:
    """Go on with the run in a folder up to an iteration, or to its end."""
    with pytest.MonkeyPatch.context() as patch:
        if stop:
            patch.setattr(session, "LONGEST_TURN", 1)  # or a stop would wait for its turn's end
        quietly(lambda _: _session(RunFolder(folder / "run"), stop), folder)


def _session(folder: RunFolder, stop: int) -> None:
    run: Run = lifecycle.restored(folder, None, {})
    made = Session(folder, run.config, run.training, run.progress, run.texts.validation)
    stopped = made.run(_Stops(run, stop))
    assert (stopped is not None) == bool(stop), f"not stopped after iteration {stop}"
    assert not stop or run.training.iteration == stop, f"stopped after {run.training.iteration}"
