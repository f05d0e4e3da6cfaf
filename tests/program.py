"""Runs the command line as a person does, in a folder of its own."""

import io
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bptt.cli import main

COMMAND = [sys.executable, "-m", "bptt"]
SMALL = ["--split", "all", "--hidden", "6", "--seq-length", "5",
         "--iterations", "60", "--sample-every", "20"]  # fmt: skip
TEXT = "She sells sea shells by the sea shore; the shells she sells are sea shells.\n" * 3


def bptt(
    *arguments: object,
    folder: Path,
    stdin: bytes = b"",
    preexec: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command in the folder: in this process, which saves seconds, unless it is prepared."""
    if preexec is not None:
        return in_a_process(*arguments, folder=folder, stdin=stdin, preexec=preexec)
    written = [io.TextIOWrapper(io.BytesIO(), "utf-8", newline="\n") for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["bptt", *map(str, arguments)])
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        patch.setattr(sys, "stdout", written[0])
        patch.setattr(sys, "stderr", written[1])
        patch.setenv("COLUMNS", "200")
        patch.chdir(folder)
        try:
            main()
            status = 0
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else int(end.code is not None)
    for stream in written:
        stream.flush()
    output, errors = (stream.buffer.getvalue().decode() for stream in written)
    return subprocess.CompletedProcess(["bptt", *map(str, arguments)], status, output, errors)


def in_a_process(
    *arguments: object,
    folder: Path,
    stdin: bytes = b"",
    preexec: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command as a person does."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        input=stdin,
        capture_output=True,
        env=os.environ | {"COLUMNS": "200"},
        preexec_fn=preexec,
        timeout=120,
    )
    return subprocess.CompletedProcess(
        done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
    )


def on_a_terminal(*arguments: object, folder: Path, columns: int) -> tuple[int, str]:
    """Run a command before a person's eyes; return its status and what stood there, uncoloured."""
    main_end, side = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=side,
        stderr=side,
        env=os.environ | {"COLUMNS": str(columns), "TERM": "xterm-256color"},
    )
    os.close(side)
    shown = b""
    while True:
        try:
            piece = os.read(main_end, 65536)
        except OSError:  # how Linux reports the other end's closing
            break
        if not piece:
            break
        shown += piece
    os.close(main_end)
    return process.wait(), re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def interrupted(
    *arguments: object, folder: Path, by: signal.Signals, ready: Callable[[], bool]
) -> tuple[int, str]:
    """Start, wait until it is ready, send the signal; return the exit status and the output."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    limit = time.monotonic() + 60
    while not ready():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < limit
        time.sleep(0.005)
    process.send_signal(by)
    output, _ = process.communicate(timeout=60)
    return process.returncode, output


def listing(folder: Path) -> dict[str, bytes | None]:
    """Every path below the folder with its bytes."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def assert_refused(done: subprocess.CompletedProcess[str], *said: str) -> None:
    __tracebackhide__ = True
    assert done.returncode == 2, done
    assert "Traceback" not in done.stderr, done.stderr
    for words in said:
        assert words in done.stderr, f"expected {words!r} in: {done.stderr}"
