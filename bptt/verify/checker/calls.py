"""Call user code with a time limit, and tell its failures apart from the verifier's.

The limit is a timer signal, so it needs a POSIX system and the main thread; elsewhere there is
none. A call that hangs inside compiled code gets the signal only when it returns.
"""

import gc
import math
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Protocol

import numpy as np

from .problem import Case, Skip

HERE = str(Path(__file__).resolve().parent)
CRASHED, HUNG, BROKEN, NOT_FINITE = "crashed", "hung", "broken", "not finite"
MISSHAPEN = "wrong shape or type"  # of a gradient, or a wrong number of them
AGAIN = 0.02  # seconds until a signal that came during a garbage collection is repeated
IF_IGNORED = 1.0  # seconds, more than it takes to leave the block


class CaseError(Exception):
    """The problem can't be checked at this case: it crashed, hung, or broke its contract."""

    def __init__(self, kind: str, message: str, detail: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.detail = detail


class TimeIsUp(BaseException):
    """The time limit of a call is over. A BaseException, since user code may catch Exception."""


class OutOfTime(BaseException):
    """The deadline of the whole search has passed; this must not become a verdict on the case."""


class Watcher(Protocol):
    """Told of everything that begins, so that it knows where a process has died."""

    def at(self, check: str, case: Case) -> None:
        """Note that a check begins at a case."""
        ...

    def calling(self, what: str, limit: float) -> AbstractContextManager[None]:
        """Note that a call of user code begins, and at the end of the block that it has ended."""
        ...


_watcher: ContextVar[Watcher | None] = ContextVar("watcher", default=None)


@contextmanager
def watched_by(watcher: Watcher) -> Iterator[None]:
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


def at(check: str, case: Case) -> None:
    """Tell the watcher, if there is one, that a check begins at a case."""
    watcher = _watcher.get()
    if watcher is not None:
        watcher.at(check, case)


def _noted(what: str, limit: float) -> AbstractContextManager[None]:
    watcher = _watcher.get()
    return nullcontext() if watcher is None else watcher.calling(what, limit)


_deadline: ContextVar[float] = ContextVar("deadline", default=math.inf)


@contextmanager
def until(moment: float) -> Iterator[None]:
    """Make every call in the block raise OutOfTime once `time.monotonic()` has reached `moment`."""
    token = _deadline.set(min(moment, _deadline.get()))
    try:
        yield
    finally:
        _deadline.reset(token)


def time_left() -> float:
    """Return the seconds until the deadline, infinite without one."""
    return _deadline.get() - time.monotonic()


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise TimeIsUp in the block after a number of seconds; never where there are no timers."""
    has_timers = hasattr(signal, "setitimer") and hasattr(signal, "SIGALRM")
    if not has_timers or threading.current_thread() is not threading.main_thread():
        yield
        return

    runs = [True]

    def stop(number: int, frame: FrameType | None) -> None:
        """Raise TimeIsUp, and again later: nobody sees what is raised in some callbacks."""
        if not runs:  # the block has ended while the signal was on its way
            return
        collecting = {getattr(callback, "__code__", None) for callback in gc.callbacks}
        while frame is not None:
            if frame.f_code in collecting:
                signal.setitimer(signal.ITIMER_REAL, AGAIN)  # an exception would be ignored there
                return
            frame = frame.f_back
        signal.setitimer(signal.ITIMER_REAL, IF_IGNORED)
        raise TimeIsUp

    handler, before = signal.signal(signal.SIGALRM, stop), (0.0, 0.0)
    try:
        try:
            before = signal.setitimer(signal.ITIMER_REAL, seconds)
            yield
        finally:
            runs.clear()
    finally:  # also where the signal came before `runs` was cleared
        runs.clear()
        signal.setitimer(signal.ITIMER_REAL, *before)
        signal.signal(signal.SIGALRM, handler)


def call(what: str, function: Callable[..., Any], *arguments: Any, limit: float) -> Any:
    """Call a user's function; `what` names it in messages.

    Raises CaseError of kind "crashed" with the user's traceback, or "hung" after `limit` seconds,
    OutOfTime where the deadline of `until` comes first, and Skip where the function raises it.
    """
    left = time_left()
    if left <= 0.0:
        raise OutOfTime
    torch = sys.modules.get("torch")
    had_gradients = torch is None or torch.is_grad_enabled()
    try:
        least = min(limit, left)
        with _noted(what, least), time_limit(least), np.errstate(all="ignore"):
            return function(*arguments)
    except TimeIsUp:
        if torch is not None:  # the signal may have come while torch was leaving a `no_grad` block
            torch.set_grad_enabled(had_gradients)
        if left < limit:
            raise OutOfTime from None
        raise CaseError(HUNG, f"{what} took longer than {limit:g} s") from None
    except (CaseError, Skip):
        raise
    except (Exception, SystemExit) as error:
        said = f"{type(error).__name__}: {error}".rstrip(": ")
        raise CaseError(CRASHED, f"{what} raised {said}", their_traceback(error)) from error


def their_traceback(error: BaseException) -> str:
    """Format a traceback without this package's and the import's frames above the user's code."""
    frame: TracebackType | None = error.__traceback__
    while frame is not None and frame.tb_frame.f_code.co_filename.startswith(
        (HERE, "<frozen importlib")
    ):
        frame = frame.tb_next
    return "".join(traceback.format_exception(type(error), error, frame)).rstrip()
