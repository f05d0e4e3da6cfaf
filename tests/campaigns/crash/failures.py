"""Failing calls: the n-th open, write, fsync, … fails, for each n; and memory that can't be had.

The command must end with one line that names what failed, and resumed without the failure it must
end in the same bytes.
"""

import errno
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import pytest
import safetensors

import bptt

from ...program import bptt as command
from .calls import watched
from .recording import Tree
from .scenarios import put, results

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EINTR)
NAMELESS = {"read", "write", "truncate", "close", "fsync", "mmap"}  # get a descriptor, no path
# Of standard output, too: it is flushed once more when all is over.
OUTERMOST = {"main", "fail", "harmless", "explained_output", "_Output.__init__", "_Output.flush",
             "_Output._explained"}  # fmt: skip
PACKAGE = str(Path(bptt.__file__).parent) + os.sep


@dataclass
class Failing:
    """Makes the n-th call fail, counted from 1; of 0, none. Keeps the calls' names and paths."""

    number: int = 0
    error: int = errno.EIO
    calls: list[tuple[str, str]] = field(default_factory=list)

    def before(self, name: str, path: str) -> None:
        self.calls.append((name, path))
        if len(self.calls) == self.number:
            named = () if name in NAMELESS else (path,)
            raise OSError(self.error, os.strerror(self.error), *named)

    def after(self, name: str, path: str, *details: Any) -> None:
        pass


@dataclass(frozen=True)
class Ended:
    """How a command ended in which something failed."""

    failed: str
    status: int
    said: str


@dataclass
class Failures:
    """How the commands ended, and what was wrong with any of them."""

    calls: int = 0
    stopped: int = 0  # by a clear error; the others could do without what failed
    wrong: list[tuple[str, str]] = field(default_factory=list)


def failing_calls(
    arguments: list[str],
    folder: Path,
    before: Tree,
    errors: tuple[int, ...] = ERRORS,
    every: int = 1,
) -> Failures:
    """Let every n-th call of a command fail with each error, and resume.

    `before` is the folder before the command.
    """
    counted = Failing()
    for _ in range(2):  # the first one may take longer and flush its log more often
        put(before, folder)
        counted = Failing()
        _execute(arguments, folder, counted)
    expected = results(folder)
    found = Failures()
    for number in range(1, len(counted.calls) + 1, every):
        for error in errors:
            put(before, folder)
            failing = Failing(number, error)
            done = _execute(arguments, folder, failing)
            if (
                len(failing.calls) < number
            ):  # it took a moment less, so its log was flushed less often
                continue
            name, path = failing.calls[number - 1]
            failed = f"call {number}, {name} {Path(path).name}, {errno.errorcode[error]}"
            _note(found, Ended(failed, *done), arguments, folder, expected, path)
    return found


def missing_memory(arguments: list[str], folder: Path, before: Tree) -> Failures:
    """Raise MemoryError at the first, the second and the last call of each function of bptt.

    Not in the outermost ones, above which nothing reports it, nor in generator expressions, which
    are called once more when they are closed.
    """
    put(before, folder)
    counts = _counted(lambda: _execute(arguments, folder, Failing()))
    expected = results(folder)
    found = Failures()
    for code, count in counts.items():
        for number in sorted({1, 2, count} & set(range(1, count + 1))):
            put(before, folder)
            with_failure = _Memory(code, number)
            done = with_failure.during(lambda: _execute(arguments, folder, Failing()))
            failed = f"MemoryError in call {number} of {count} of {code.co_qualname}"
            _note(found, Ended(failed, *done), arguments, folder, expected, None)
    return found


def _note(
    found: Failures, ended: Ended, arguments: list[str], folder: Path,
    expected: dict[str, Any], path: str | None,
) -> None:  # fmt: skip
    found.calls += 1
    found.stopped += ended.status != 0
    wrong = _unclear(ended, path) or _lost(arguments, folder, expected)
    if wrong:
        found.wrong.append((ended.failed, wrong))


def _unclear(ended: Ended, path: str | None) -> str:
    """Return what is wrong with the end of a command; "" if it is a success or a clear error."""
    lines = [line for line in ended.said.splitlines() if line.startswith("error: ")]
    if "Traceback" in ended.said:
        return f"a traceback: {ended.said[-300:]}"
    if ended.status == 0:
        return f"an error and status 0: {lines}" if lines else ""
    if ended.status != 2 or len(lines) != 1:
        return f"status {ended.status}, {len(lines)} lines of error: {ended.said[-300:]}"
    if path is not None and not _names(lines[0], path):
        return f"{path} is not named: {lines[0]}"
    return ""


def _names(line: str, path: str) -> bool:
    """Return whether a message names the path, or the file or folder that it is made for."""
    place = Path(path)
    if ".partial" in path:
        place = next(one for one in (place, *place.parents) if one.name.endswith(".partial"))
        return place.name[1:].split(".")[0] in line
    name = place.name.removesuffix(".tmp")
    return name in line or str(place.parent) in line or "(.)" in line


def _lost(arguments: list[str], folder: Path, expected: dict[str, Any]) -> str:
    """Resume, or begin again if there is nothing; return what differs then."""
    run = arguments[arguments.index("--out") + 1]
    again = ["train", "--resume", run] if (folder / run).exists() else arguments
    status, said = _execute(again, folder, Failing())
    if status:
        return f"can't be resumed: {said[-300:]}"
    found = results(folder)
    different = [
        name for name in sorted(found.keys() | expected.keys())
        if name not in found or name not in expected or found[name] != expected[name]
    ]  # fmt: skip
    return f"other content: {', '.join(different)}" if different else ""


def _execute(arguments: list[str], folder: Path, failing: Failing) -> tuple[int, str]:
    """Run a command in this process; return its status and everything it said.

    An exception that the command line lets through is given as the traceback it would show.
    """
    open_tensors = safetensors.safe_open

    def opened(path: Any, **named: Any) -> Any:
        failing.before("open", str(path))
        failing.before("mmap", str(path))
        return open_tensors(path, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(safetensors, "safe_open", opened)  # which opens and maps in Rust
        try:
            with watched(folder, failing):
                done = command(*arguments, folder=folder)
        except Exception as error:
            return 1, f"Traceback: {type(error).__name__}: {error}"
    return done.returncode, done.stdout + done.stderr


def _counted(work: Callable[[], Any]) -> dict[CodeType, int]:
    counts: dict[CodeType, int] = {}

    def count(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        is_own = code.co_filename.startswith(PACKAGE)
        is_left_out = code.co_qualname in OUTERMOST or code.co_name == "<genexpr>"
        if event == "call" and is_own and not is_left_out:
            counts[code] = counts.get(code, 0) + 1

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return counts


class _Memory:
    """Raises MemoryError where a function is called for the n-th time."""

    def __init__(self, code: CodeType, number: int) -> None:
        self._code, self._left = code, number

    def during(self, work: Callable[[], Any]) -> Any:
        sys.setprofile(self._look)
        try:
            return work()
        finally:
            sys.setprofile(None)

    def _look(self, frame: FrameType, event: str, _: Any) -> None:
        if event == "call" and frame.f_code is self._code:
            self._left -= 1
            if self._left == 0:
                sys.setprofile(None)
                raise MemoryError
