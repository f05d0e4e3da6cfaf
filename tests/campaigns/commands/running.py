"""Runs commands and Python blocks, each in a copy of the clone, and says how they ended."""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

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


def ended(words: list[str], clone: Path, limit: float) -> tuple[int | None, str]:
    """Return the exit status, None if it took too long, and the last lines that it wrote."""
    process = subprocess.Popen(
        words, cwd=clone, env=environment(clone), stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace", start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=limit)
        status = process.returncode
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # with all that it started
        output, _ = process.communicate()
        status = None
    return status, "\n".join(output.splitlines()[-TAIL:])


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
