"""Runs commands and Python blocks, each in a copy of the clone, and says how they ended."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from .changes import Change
from .clone import another, environment
from .frames import framed
from .shown import Program

TAIL = 12  # lines of output of a command that failed


@dataclass(frozen=True)
class Outcome:
    """How a command ended; `failure` is empty if it passed."""

    shown: str
    ran: str
    seconds: float
    failure: str
    tail: str


def kill(process: subprocess.Popen[str]) -> None:
    """Kill a process and all that it started, in sessions of their own, too."""
    started = psutil.Process(process.pid).children(recursive=True)
    os.killpg(process.pid, signal.SIGKILL)
    for child in started:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    process.wait()


def ended(words: list[str], clone: Path, limit: float) -> tuple[int | None, str]:
    """Return the exit status, None if it took too long, and the last lines that it wrote."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(
            words, cwd=clone, env=environment(clone), stdin=subprocess.DEVNULL, text=True,
            stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(timeout=limit)
        except BaseException as error:  # Ctrl-C, too, leaves nothing behind
            kill(process)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            status = None
        output.seek(0)
        return status, "\n".join(output.read().splitlines()[-TAIL:])


def run(
    shown: str | Program, change: Change, clone: Path, folder: Path, *, keep: bool = False
) -> Outcome:
    """Run a command or a Python block, as changed, in a copy of the clone, made in `folder`.

    `keep`: in the clone itself.
    """
    name = shown if isinstance(shown, str) else shown.name
    place = clone if keep else another(clone, folder)
    if isinstance(shown, str):
        command = change.applied(shown)
        words = ["bash", "-e", "-c", command]
    else:
        command = "python block.py"
        (place / "block.py").write_text(framed(shown), "utf-8")
        words = [str(place / ".venv/bin/python"), "block.py"]
    began = time.monotonic()
    status, tail = ended(words, place, change.limit)
    seconds = time.monotonic() - began
    if not keep:
        shutil.rmtree(place.parent)
    failure = ""
    if status is None:
        failure = f"not done after {change.limit:g} s"
    elif status != change.status:
        failure = f"exit status {status}, expected {change.status}"
    return Outcome(name, command, seconds, failure, tail if failure else "")
