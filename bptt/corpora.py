"""Texts to train on: a file, standard input, or one that is built in."""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from pydoc_data.topics import topics

from .errors import InputError, explained

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Corpus:
    """A text and where it came from: an absolute path, "-" or the name of a built-in one."""

    name: str
    source: str
    text: str

    @cached_property
    def sha256(self) -> str:
        """Of the text in UTF-8, whatever its encoding was on disk."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class BuiltIn:
    description: str
    text: Callable[[], str]


def python_docs() -> str:
    """The language reference that every CPython carries for `help()`; it differs by version."""
    return "\n\n".join(topics[key] for key in sorted(topics))


BUILT_IN = {
    "python-docs": BuiltIn(
        f"the language reference inside Python {sys.version.split()[0]} (pydoc_data.topics)",
        python_docs,
    ),
}
DEFAULT = "python-docs"


def load(source: str, encoding: str = "utf-8") -> Corpus:
    """Read a corpus by its name, its path, or "-" for standard input.

    Line ends are read as Python reads them in text mode: all become a line feed.

    Raises InputError for what can't be found, read or decoded, and for an empty text.
    """
    if source in BUILT_IN:
        return Corpus(source, source, BUILT_IN[source].text())
    if source == STANDARD_INPUT:
        content, name = sys.stdin.buffer.read(), "standard input"
    else:
        path = Path(source)
        if not path.exists():
            raise InputError(
                f"no file and no built-in corpus is called {source!r} "
                f"(built in: {', '.join(BUILT_IN)})"
            )
        with explained("read", path):
            content, name = path.read_bytes(), path.stem
            source = str(path.resolve())
    text = decode(content, encoding, name)
    if not text:
        raise InputError(f"the corpus must have some text, but {name} is empty")
    return Corpus(name, source, text)


def decode(content: bytes, encoding: str, name: str) -> str:
    """Raises InputError that says which byte is wrong."""
    try:
        text = content.decode(encoding)
    except LookupError as error:
        raise InputError(f"no encoding is called {encoding!r}") from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"{name} is not {encoding}: byte 0x{content[error.start]:02x} at offset "
            f"{error.start} ({error.reason}). Name another with --encoding, such as latin-1"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")
