"""Run a verification in a process of its own, which user code may kill or block.

The process tells through a pipe what it has found and which case it checks next. When and for how
long it may call user code stands in shared memory: a call that hangs in compiled code never handles
the timer signal, so the parent kills the process.
"""

import ctypes
import faulthandler
import multiprocessing
import os
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.sharedctypes import RawValue
from pathlib import Path
from typing import Any

from bptt.errors import InputError

from .calls import HERE, watched_by
from .problem import Case

GRACE = 3.0  # seconds after which a call that should have been interrupted is given up
POLL = 0.1  # seconds
MOST_FRAMES = 8
OURS = str(Path(HERE).parent)
RESULT, AT, BAD_INPUT, MEMORY, FAILURE, END = (
    "result", "at", "bad input", "memory", "failure", "end",
)  # fmt: skip
Send = Callable[[Any], None]


class _Call(ctypes.Structure):
    """The call of user code that is under way: none if `limit` is 0."""

    _fields_ = [
        ("begun", ctypes.c_double),
        ("limit", ctypes.c_double),
        ("what", ctypes.c_char * 80),
    ]


@dataclass(frozen=True)
class Death:
    """How a process ended before its work did: at which check and case, and in which call.

    `detail` is the Python traceback of a fatal signal.
    """

    cause: str
    check: str
    case: Case | None
    hung: bool
    detail: str = ""


class _Watcher:
    def __init__(self, connection: Any, call: Any) -> None:
        self.connection, self.call = connection, call

    def at(self, check: str, case: Case) -> None:
        self.connection.send((AT, (check, case)))

    @contextmanager
    def calling(self, what: str, limit: float) -> Iterator[None]:
        before = self.call.what, self.call.begun, self.call.limit
        self._note(what.encode()[:79], time.monotonic(), limit)
        try:
            yield
        finally:
            self._note(*before)

    def _note(self, what: bytes, begun: float, limit: float) -> None:
        """Write the limit last: the parent may look at any moment, and 0 stands for no call."""
        self.call.limit = 0.0
        self.call.what, self.call.begun = what, begun
        self.call.limit = limit


def run(work: Callable[[Send], None], found: Callable[[Any], None]) -> Death | None:
    """Run `work(send)` in a process of its own; pass what it sends to `found`.

    Returns how the process died, None if the work ended. Raises InputError or MemoryError where the
    work did, and RuntimeError with its traceback for any other error. The process is forked: where
    that isn't possible, `work` must be picklable.
    """
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context: Any = multiprocessing.get_context(method)
    call = RawValue(_Call)
    ours, theirs = context.Pipe(duplex=False)
    with tempfile.NamedTemporaryFile("r", prefix="bptt-", suffix=".txt") as trace:
        process = context.Process(
            target=_child,
            args=(work, theirs, call, trace.name, "torch" in sys.modules),
            daemon=True,
        )
        with warnings.catch_warnings():  # forking is safe here: see _child
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", RuntimeWarning)
            process.start()
        theirs.close()
        try:
            return _follow(process, ours, call, found, trace)
        finally:
            process.kill()
            process.join()
            ours.close()


def _follow(process: Any, ours: Any, call: Any, found: Callable[[Any], None], trace: Any) -> Any:
    check, case = "", None
    while True:
        hung = False
        try:
            if not ours.poll(POLL):
                if not _is_overdue(call):
                    continue
                hung = True
                raise EOFError
            kind, content = ours.recv()
        except (EOFError, ConnectionResetError):
            what = call.what.decode(errors="replace") if call.limit else ""
            if hung:
                process.kill()
            process.join()
            cause = _ending(process.exitcode) + (f" during the call of {what}" if what else "")
            if hung:
                cause = f"{what} took longer than {call.limit:g} s, inside compiled code"
            return Death(cause, check, case, hung, _innermost(trace.read()))
        if kind == AT:
            check, case = content
        elif kind == RESULT:
            found(content)
        elif kind == BAD_INPUT:
            raise InputError(content)
        elif kind == MEMORY:
            raise MemoryError(content)
        elif kind == FAILURE:
            raise RuntimeError(f"in the process of the verification:\n{content}")
        else:
            return None


def _is_overdue(call: Any) -> bool:
    """Return whether one call, and not two that follow each other, has outlived its limit."""
    seen = call.begun, call.limit
    overdue = 0.0 < seen[1] < time.monotonic() - seen[0] - GRACE
    return overdue and (call.begun, call.limit) == seen


def _innermost(trace: str) -> str:
    """Return the user's frames of a fatal signal's traceback, the innermost first."""
    frames = [line.strip() for line in trace.splitlines() if line.lstrip().startswith("File ")]
    theirs = next((n for n, line in enumerate(frames) if OURS in line), len(frames))
    return "\n".join(frames[:theirs][:MOST_FRAMES])


def _ending(status: int | None) -> str:
    if status is not None and status < 0:
        name = signal.Signals(-status).name
        said = signal.strsignal(-status)
        more = "; is memory short?" if -status == getattr(signal, "SIGKILL", 9) else ""
        return f"the process died of {name} ({said}{more})"
    return f"the process ended with exit status {status}"


def _child(
    work: Callable[[Send], None], connection: Any, call: Any, trace: str, had_torch: bool
) -> None:
    if had_torch and "torch" in sys.modules:
        # The threads of the parent's pools don't survive a fork, and waiting for them blocks.
        sys.modules["torch"].set_num_threads(1)
    with open(trace, "w") as file:  # noqa: PTH123 - faulthandler needs the descriptor
        faulthandler.enable(file, all_threads=False)
        try:
            with watched_by(_Watcher(connection, call)):
                work(lambda content: connection.send((RESULT, content)))
            connection.send((END, None))
        except InputError as error:
            connection.send((BAD_INPUT, str(error)))
        except MemoryError as error:
            connection.send((MEMORY, str(error)))
        except KeyboardInterrupt:
            os._exit(130)  # the parent was interrupted too
        except BaseException:
            connection.send((FAILURE, traceback.format_exc()))
