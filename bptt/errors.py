"""Errors that the command line reports in one line instead of a traceback."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(Exception):
    """Invalid input: the message is for the person who gave it, and says what was expected."""


def harmless(text: str) -> str:
    r"""Escape control characters, so that a corpus can't control somebody's terminal.

    Line feeds and tabs are kept.

    >>> print(harmless("a\x1b[2Jb"))
    a\x1b[2Jb
    """
    return "".join(
        repr(letter)[1:-1]
        if unicodedata.category(letter) in ("Cc", "Cf", "Cs") and letter not in "\n\t"
        else letter
        for letter in text
    )


def counted(number: int, things: str) -> str:
    """Say how many there are.

    >>> counted(1, "symbols"), counted(2000, "symbols")
    ('1 symbol', '2,000 symbols')
    """
    return f"{number:,} {things.removesuffix('s') if number == 1 else things}"


@contextmanager
def explained(doing: str, path: Path) -> Iterator[None]:
    """Turn an OSError into an InputError that names the file, and the one that failed if another.

    >>> with explained("read", path):  # "can't read notes.txt: No such file or directory"
    ...     content = path.read_bytes()
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"can't {doing} {path}: {_reason(error, path)}") from error


def _reason(error: OSError, path: Path) -> str:
    reason, culprit = error.strerror or str(error).removesuffix(f": {path}"), error.filename
    if not isinstance(culprit, str) or culprit.removesuffix(".tmp") == str(path):
        return reason
    return f"{reason} ({culprit})"


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give an OSError the file's name if it has none: those of read, write and fsync don't.

    >>> with naming(path):
    ...     os.fsync(descriptor)
    """
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise
