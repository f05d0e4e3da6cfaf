"""What the command line says in one line instead of a traceback."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class InputError(Exception):
    """Something was given that can't be worked with; the message is for the person who gave it."""


def harmless(text: str) -> str:
    """Write control characters as escapes: a corpus must not steer somebody's terminal.

    Line feeds and tabs stay.
    """
    return "".join(
        repr(letter)[1:-1]
        if unicodedata.category(letter) in ("Cc", "Cf", "Cs") and letter not in "\n\t"
        else letter
        for letter in text
    )


@contextmanager
def explained(doing: str, path: Path) -> Iterator[None]:
    """Turn an operating system's refusal into an InputError that names the file."""
    try:
        yield
    except OSError as error:
        raise InputError(f"can't {doing} {path}: {error.strerror or error}") from error
