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


@contextmanager
def explained(doing: str, path: Path) -> Iterator[None]:
    """Turn an OSError into an InputError that names the file.

    >>> with explained("read", path):  # "can't read notes.txt: No such file or directory"
    ...     content = path.read_bytes()
    """
    try:
        yield
    except OSError as error:
        raise InputError(f"can't {doing} {path}: {error.strerror or error}") from error
