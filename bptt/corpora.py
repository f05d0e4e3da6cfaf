"""Texts to train on: a file, standard input, or one that is built in."""

import hashlib
import os
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from pydoc_data.topics import topics

import pooch

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


@dataclass(frozen=True)
class Remote:
    """A corpus that is fetched once and kept. `sha256` is of the file as fetched."""

    description: str
    url: str
    sha256: str
    member: str | None = None  # of a zip archive
    encoding: str = "utf-8"


REMOTE = {
    "tinyshakespeare": Remote(
        "a million characters of Shakespeare's plays, from karpathy/char-rnn",
        "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    "text8": Remote(
        "a hundred million characters of Wikipedia in 27 symbols",
        "https://mattmahoney.net/dc/text8.zip",
        "a6640522afe85d1963ad56c05b0ede0a0c000dddc9671758a6cc09b7a38e5232",
        member="text8",
    ),
    "enwik8": Remote(
        "a hundred million bytes of Wikipedia, a symbol a byte",
        "https://mattmahoney.net/dc/enwik8.zip",
        "547994d9980ebed1288380d652999f38a14fe291a6247c157c3d33d4932534bc",
        member="enwik8",
        encoding="latin-1",
    ),
}


def load(source: str, encoding: str = "utf-8") -> Corpus:
    """Read a corpus by its name, its path, or "-" for standard input.

    A remote one is fetched the first time.

    Line ends are read as Python reads them in text mode: all become a line feed.

    Raises InputError for what can't be found, read or decoded, and for an empty text.
    """
    if source in BUILT_IN:
        return Corpus(source, source, BUILT_IN[source].text())
    if source in REMOTE:
        return Corpus(source, source, _fetch_text(source, REMOTE[source]))
    if source == STANDARD_INPUT:
        content, name = sys.stdin.buffer.read(), "standard input"
    else:
        path = Path(source)
        if not path.exists():
            raise InputError(
                f"no file and no corpus is called {source!r} "
                f"(corpora: {', '.join((*BUILT_IN, *REMOTE))})"
            )
        with explained("read", path):
            content, name = path.read_bytes(), path.stem
            source = str(path.resolve())
    text = decode(content, encoding, name)
    if not text:
        raise InputError(f"the corpus must have some text, but {name} is empty")
    return Corpus(name, source, text)


def cache_folder() -> Path:
    """Where fetched corpora are kept: $BPTT_CACHE, or the platform's cache folder."""
    return Path(os.environ.get("BPTT_CACHE") or pooch.os_cache("bptt"))


def cached_file(name: str) -> Path:
    """Where a remote corpus is kept, whether it is there or not."""
    suffix = ".zip" if REMOTE[name].member else ".txt"
    return cache_folder() / f"{name}{suffix}"


def _fetch_text(name: str, remote: Remote) -> str:
    """Raises InputError where it can't be fetched or isn't the file that it should be."""
    place = cached_file(name)
    try:
        fetched = pooch.retrieve(
            remote.url, f"sha256:{remote.sha256}", fname=place.name, path=place.parent
        )
    except (OSError, ValueError) as error:  # requests' exceptions are OSErrors; a hash, ValueError
        raise InputError(
            f"can't fetch {name} from {remote.url}: {error}. Without a network, put the file "
            f"with SHA-256 {remote.sha256} at {place}"
        ) from error
    if remote.member is None:
        content = Path(fetched).read_bytes()
    else:
        with zipfile.ZipFile(fetched) as archive:
            content = archive.read(remote.member)
    return decode(content, remote.encoding, name)


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
