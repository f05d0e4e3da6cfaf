"""What others do to a run's text, folder, clock and locks while it trains; see docs/crashes.md."""

import errno
import fcntl
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from bptt import figures
from bptt.cli import main
from bptt.errors import InputError
from bptt.experiments import seeds
from bptt.runs.folder import RunFolder
from bptt.runs.log import Entry
from bptt.sessions import lifecycle
from bptt.sessions.display import Display
from bptt.sessions.lifecycle import Run
from bptt.sessions.session import Session
from bptt.text import cache

from .short_runs import make, said, train


class Acting(Display):
    """Lets somebody act after the tenth iteration."""

    def __init__(self, run: Run, act: Any) -> None:
        super().__init__(Console(quiet=True), run.config, run.training.iteration)
        self._act = act

    def show(self, entry: Entry) -> None:
        if entry.iteration == 10:
            self._act()


def train_meanwhile(run: Run, act: Any) -> None:
    Session(run.folder, run.config, run.training, run.progress, run.texts.validation).run(
        Acting(run, act)
    )


def end(folder: RunFolder) -> tuple[bytes, list]:
    return folder.checkpoint.read_bytes(), said(folder)


def test_text_that_changes_during_a_run_is_read_no_more_and_refused_later(tmp_path: Path) -> None:
    whole, run = make(tmp_path, "whole", log_every=5), make(tmp_path, "run", log_every=5)
    train(whole)
    text = tmp_path / "text.txt"
    train_meanwhile(run, lambda: text.write_text("other letters\n" * 30))
    assert end(run.folder) == end(whole.folder)
    with pytest.raises(InputError, match=r"SHA-256.*Name it: bptt train TEXT"):
        lifecycle.restored(run.folder, None, {"iterations": 50})


def test_copies_that_a_synchronising_program_leaves_are_ignored(tmp_path: Path) -> None:
    whole, run = make(tmp_path, "whole", log_every=5), make(tmp_path, "run", log_every=5)
    train(whole)

    def copy() -> None:
        for name in ("checkpoint (conflicted copy).safetensors", ".syncthing.log.jsonl.tmp"):
            (run.folder.path / name).write_bytes(b"of another time")

    train_meanwhile(run, copy)
    assert end(run.folder) == end(whole.folder)
    resumed = lifecycle.restored(run.folder, None, {"iterations": 60})
    train(resumed)
    train(lifecycle.restored(whole.folder, None, {"iterations": 60}))
    assert end(run.folder) == end(whole.folder)


@pytest.mark.parametrize("lost", ["all", "newest lines"])
def test_older_log_that_a_synchronising_program_brings_back_costs_its_lines_only(
    lost: str, tmp_path: Path
) -> None:
    whole, run = make(tmp_path, "whole", log_every=5), make(tmp_path, "run", log_every=5)
    for one in (whole, run):
        train(one)
    lines = run.folder.log.read_bytes().splitlines(keepends=True)
    run.folder.log.write_bytes(b"" if lost == "all" else b"".join(lines[:3]))
    for one in (whole, run):
        train(lifecycle.restored(one.folder, None, {"iterations": 60}))
    assert run.folder.checkpoint.read_bytes() == whole.folder.checkpoint.read_bytes()
    assert said(run.folder)[-3:] == said(whole.folder)[-3:]


def test_clock_that_jumps_may_cost_the_cache_an_entry_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BPTT_CACHE", str(tmp_path))
    now = time.time
    indices = np.arange(9, dtype=np.uint8)
    key = cache.Key("0" * 64, None, "utf-8", "characters")
    summary = cache.Summary(symbols=list(range(9)), length=9, sha256="0" * 64)

    def pieces() -> Any:
        yield indices
        with monkeypatch.context() as patch:  # another process, whose clock is a day ahead
            patch.setattr(time, "time", lambda: now() + 86400)
            cache._remove_abandoned(cache.folder())

    kept = cache.keep(key, summary, pieces)
    assert np.array_equal(kept, indices)
    assert "of memory instead" in capsys.readouterr().err
    assert cache.find(key) is None


@pytest.mark.parametrize("error", [errno.ENOLCK, errno.EIO, errno.EOPNOTSUPP])
def test_file_system_without_locks_is_refused(
    error: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make(tmp_path, "run")

    def refused(*_: Any) -> None:
        raise OSError(error, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refused)
    with pytest.raises(InputError, match=r"can't lock .*\.lock: "), run.folder.held():
        pass


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a full device")
@pytest.mark.parametrize("arguments", [["--version"], ["corpora"]], ids=str)
def test_full_standard_output_is_named(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        monkeypatch.setattr(sys, "argv", ["bptt", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    assert ended.value.code == 2
    expected = "error: can't write on standard output: No space left on device\n"
    assert capsys.readouterr().err == expected


def test_seeds_of_several_lengths_are_not_summarised_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "write", lambda *_: True)  # takes most of the time
    text = make(tmp_path, "one").config.corpus.source
    given = {"hidden_size": 2, "seq_length": 3, "iterations": 4}
    folder = seeds.begin(text, given, 2, tmp_path / "many", 1)
    first = folder.runs()[0]
    lifecycle.resume(first.path, None, {"iterations": 6})
    with pytest.raises(InputError, match=r"same iterations, got seed-1: 6, seed-2: 4.*--iter"):
        seeds.resume(folder.path, None, {}, 1)
    seeds.resume(folder.path, None, {"iterations": 6}, 1)
    assert folder.summarize().n == 2
