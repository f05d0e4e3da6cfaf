"""A campaign: runs of every kind are killed at random moments, and must end as if they weren't.

A killed process is a fork of this one, so that it trains at once and a kill hits training, not
imports. python -m tests.campaigns.kills
"""

import argparse
import contextlib
import csv
import json
import multiprocessing
import os
import random
import re
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bptt.errors import InputError
from bptt.runs import checkpoint, log
from bptt.runs.folder import RunFolder
from bptt.sessions import lifecycle
from bptt.training import loop  # noqa: F401 - imported before the fork
from torch_impl import fast  # noqa: F401 - imported before the fork

from ..kinds import KINDS
from ..program import TEXT

KILLS_A_RUN = 10
FORK = multiprocessing.get_context("fork")


def settings(number: int) -> dict[str, Any]:
    """Return those of the campaign's run of this number; every kind has its turn."""
    rng = random.Random(number)
    drawn = {
        "hidden_size": rng.randint(1, 9),
        "seq_length": rng.randint(1, 8),
        "lanes": rng.randint(1, 4),
        "seed": rng.randrange(2**32),
        "iterations": 1000,
        "sample_every": 100,
        "checkpoint_every": rng.randint(1, 20),
        "validate_every": rng.randint(5, 40),
        "log_every": rng.randint(1, 7),
        "learning_rate": 0.01,
    }
    kind = dict(KINDS[number % len(KINDS)])
    if "patience" in kind:
        kind["patience"] = 1000
    return drawn | kind


def in_a_process(work: Callable[[], Any], seconds: float | None) -> bool:
    """Do the work, killed after some seconds; return whether it was done before."""
    process = FORK.Process(target=_silently, args=(work,))
    process.start()
    process.join(seconds)
    if process.is_alive():
        process.kill()
        process.join()
    if process.exitcode == -9:
        return False
    if process.exitcode:
        raise AssertionError(f"a run ended with exit status {process.exitcode}")
    return True


def _silently(work: Callable[[], Any]) -> None:
    with Path(os.devnull).open("w") as nothing, contextlib.redirect_stdout(nothing):
        try:
            work()
        except InputError as error:
            sys.exit(f"error: {error}")


def run_through_kills(folder: Path, number: int) -> tuple[int, int, int]:
    """Kill one run again and again, let it finish, compare it with one that was left alone.

    Returns how many kills there were, how many hit it before its last iteration, and how many left
    a file half-written aside.
    """
    text = folder / "text.txt"
    text.write_text(TEXT)
    given = settings(number)
    whole, run = RunFolder(folder / "whole"), RunFolder(folder / "run")
    begun = time.monotonic()
    assert in_a_process(lambda: lifecycle.begin(str(text), given, whole.path), None)
    longest = 2 * (time.monotonic() - begun) / KILLS_A_RUN
    lifecycle.make(str(text), given, run.path)
    rng = random.Random(number)
    killed = inside = torn = 0
    for _ in range(KILLS_A_RUN):
        if in_a_process(lambda: lifecycle.resume(run.path, None, {}), rng.uniform(0, longest)):
            break
        killed += 1
        config = run.read_config()
        header, _ = checkpoint.load(run.checkpoint, config)
        if run.best.exists():
            checkpoint.load(run.best, config)
        log.read(run.log, log.Entry)
        inside += header.iteration < config.iterations
        torn += any(path.suffix == ".tmp" for path in run.path.iterdir())
    assert in_a_process(lambda: lifecycle.resume(run.path, None, {}), None)
    compare(run, whole)
    return killed, inside, torn


def compare(run: RunFolder, whole: RunFolder) -> None:
    """Everything is the same but the seconds, and nothing is left aside."""
    ours, theirs = _content(run), _content(whole)
    assert ours.keys() == theirs.keys(), f"{run.path}: {ours.keys() ^ theirs.keys()}"
    different = [name for name in ours if ours[name] != theirs[name]]
    assert not different, f"{run.path}: {different} differ from {whole.path}"


def _content(folder: RunFolder) -> dict[str, Any]:
    found: dict[str, Any] = {path.name: path.read_bytes() for path in folder.path.iterdir()}
    for path in (folder.log, folder.results):
        objects = [json.loads(line) for line in _objects(path)]
        found[path.name] = [{**one, "seconds": None} for one in objects]
    with folder.csv.open(newline="") as file:
        found[folder.csv.name] = [{**row, "seconds": None} for row in csv.DictReader(file)]
    found[folder.card.name] = re.sub(r"[0-9.,]+ s\.", "", folder.card.read_text())
    return found


def _objects(path: Path) -> list[str]:
    text = path.read_text()
    return text.splitlines() if path.suffix == ".jsonl" else [text]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    wanted = parser.parse_args().kills
    killed = inside = torn = number = 0
    begun = time.monotonic()
    while killed < wanted:
        with tempfile.TemporaryDirectory() as folder:
            found = run_through_kills(Path(folder), number)
        killed, inside, torn = (a + b for a, b in zip((killed, inside, torn), found, strict=True))
        number += 1
        print(f"run {number}: {killed} kills in {time.monotonic() - begun:.0f} s", flush=True)
    print(
        f"{killed} kills over {number} runs of {len(KINDS)} kinds: every checkpoint loaded, every "
        f"run ended bit-identical. {inside} kills hit the run before its last iteration, "
        f"{torn} left a file half-written aside"
    )


if __name__ == "__main__":
    main()
