"""Texts to train on: a file, standard input, one that is built in, or one that is fetched."""

import hashlib
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from pydoc_data.topics import topics

import pooch

from ..errors import InputError, explained, harmless
from ..whole_files import drain, refuse_device
from .decoding import RawText, Units, characters

STANDARD_INPUT = "-"
# Bytes. A smaller file is encoded afresh at each start, which takes a fifth of a second at most:
# no more than to check what a cache would hold, and the cache isn't filled with every small text.
IN_MEMORY = 2**24


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
    units: Units = "characters"  # in UTF-8


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
        units="bytes",
    ),
}


def load(source: str, encoding: str = "utf-8") -> Corpus:
    """Read a corpus whole by its name, its path, or "-" for standard input.

    A remote one is fetched the first time. Line ends are read as Python reads them in text mode:
    all become a line feed. A corpus of bytes has the character chr(b) for the byte b.

    Raises InputError for what can't be found, read or decoded, and for an empty text.
    """
    raw = find(source, encoding)
    if raw.units == "bytes":
        text = "".join(block.decode("latin-1") for block in raw.blocks())
    else:
        text = "".join(characters(raw.blocks(), raw.encoding, raw.name))
    if not text:
        raise InputError(f"the corpus must have some text, but {raw.name} is empty")
    return Corpus(raw.name, raw.source, text)


def find(source: str, encoding: str) -> RawText:
    """Find what `load` reads; `encoding` is a file's or standard input's.

    Raises InputError for what can't be found or fetched, or can't be opened.
    """
    if source in BUILT_IN:
        content = BUILT_IN[source].text().encode()
        return RawText(source, source, "utf-8", content=content)
    if source in REMOTE:
        return _fetched(source, REMOTE[source])
    if source == STANDARD_INPUT:
        return RawText(
            "standard input", source, encoding, content=drain(sys.stdin.buffer, "standard input")
        )
    path = Path(source)
    with explained("read", path):
        if not path.exists():
            raise InputError(
                f"no file and no corpus is called {source!r} "
                f"(corpora: {', '.join((*BUILT_IN, *REMOTE))})"
            )
        content = _content(path)
        absolute = path.resolve()
    return RawText(
        harmless(path.stem),
        str(absolute),
        encoding,
        content=content,
        path=absolute if content is None else None,
    )


def _content(path: Path) -> bytes | None:
    """Read a small file, and what can be read once only, such as a pipe; None: a large file."""
    refuse_device(path)
    with path.open("rb") as file:
        head = file.read(IN_MEMORY + 1)
        if len(head) <= IN_MEMORY:
            return head
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        return head + drain(file, str(path))


def cache_folder() -> Path:
    """Where fetched and encoded corpora are kept: $BPTT_CACHE, or the platform's cache folder."""
    return Path(os.environ.get("BPTT_CACHE") or pooch.os_cache("bptt"))


def cached_file(name: str) -> Path:
    """Where a remote corpus is kept, whether it is there or not."""
    suffix = ".zip" if REMOTE[name].member else ".txt"
    return cache_folder() / f"{name}{suffix}"


def _fetched(name: str, remote: Remote) -> RawText:
    """Raises InputError where it can't be fetched or isn't the file that it should be."""
    place = cached_file(name)
    try:
        pooch.retrieve(remote.url, f"sha256:{remote.sha256}", fname=place.name, path=place.parent)
    except (OSError, ValueError) as error:  # requests' exceptions are OSErrors; a hash, ValueError
        raise InputError(
            f"can't fetch {name} from {remote.url}: {error}. Without a network, put the file "
            f"with SHA-256 {remote.sha256} at {place}"
        ) from error
    with explained("read", place):
        content = None if remote.member else _content(place)
    return RawText(
        name,
        name,
        "utf-8",
        units=remote.units,
        content=content,
        path=place,
        member=remote.member,
        sha256=remote.sha256,
    )


def decode(content: bytes, encoding: str, name: str) -> str:
    """Raises InputError that says which byte is wrong."""
    return "".join(characters([content], encoding, name))
