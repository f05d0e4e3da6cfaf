"""What ball arithmetic can't do, with the line of the user's code where it was asked for.

Both exceptions are BaseExceptions, as user code may catch Exception.
"""

import linecache
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

import numpy as np

HERE = str(Path(__file__).resolve().parents[2])  # the verifier's own frames, and NumPy's
NUMPY = str(Path(np.__file__).resolve().parent)
LONGEST = 60  # characters of a line of code


_narrow: ContextVar[set[str] | None] = ContextVar("narrow", default=None)


@contextmanager
def narrow_casts_noted() -> Iterator[set[str]]:
    """Collect the lines of user code that make numbers of float32, which are exact as balls."""
    found: set[str] = set()
    token = _narrow.set(found)
    try:
        yield found
    finally:
        _narrow.reset(token)


def note_dtype(dtype: np.dtype) -> None:
    found = _narrow.get()
    if found is not None and dtype.kind == "f" and dtype.itemsize < 8:
        found.add(place())


class NotInBallsError(BaseException):
    """The code does something that balls can't do."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{message}, in {place()}")


class UndecidedError(BaseException):
    """A comparison of two balls that overlap: a higher precision may decide it."""

    def __init__(self, message: str) -> None:
        super().__init__(f"{message}, in {place()}")


def place() -> str:
    """Return the file, the number and the text of the line of user code that is running."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        name = frame.f_code.co_filename
        if not (name.startswith((HERE, NUMPY, "<frozen")) or "site-packages" in name):
            break
        frame = frame.f_back
    path, line = frame.f_code.co_filename, frame.f_lineno
    code = linecache.getline(path, line).strip()
    shown = code if len(code) <= LONGEST else f"{code[: LONGEST - 1]}…"
    return f"{Path(path).name}, line {line}" + (f": {shown}" if shown else "")
