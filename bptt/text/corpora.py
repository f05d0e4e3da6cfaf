"""Corpora to train on: a file, standard input, a built-in text, or one that is downloaded."""

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
# Bytes. A file up to this size is encoded at every start, in a fifth of a second at most: as fast
# as verifying a cache entry, and the cache doesn't fill up with small texts.
IN_MEMORY = 2**24


@dataclass(frozen=True)
class Corpus:
    """A text and its source: an absolute path, "-" or a corpus's name."""

    name: str
    source: str
    text: str

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the text in UTF-8, whatever its encoding on disk."""
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class BuiltIn:
    description: str
    text: Callable[[], str]


def python_docs() -> str:
    """Return the language reference that CPython ships for `help()`; it varies by version."""
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
    """A corpus that is downloaded once and cached; `sha256` is the downloaded file's."""

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
    "warpeace": Remote(
        "Tolstoy's War and Peace in English, three million characters, from ThingsOfBeam/Corpus",
        "https://raw.githubusercontent.com/ThingsOfBeam/Corpus/"
        "9aad26592097f5ac852cb11b60bf250f01a39fca/warpeace_input.txt",
        "0139dcd32c37853541e8710281c32d823bb8ea86a86578916305bad06e3da0ea",
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
    """Read a whole corpus, given its name, its path, or "-" for standard input.

    A remote corpus is downloaded the first time. Line ends are read as in Python's text mode: each
    becomes a line feed. In a corpus of bytes, byte b becomes the character chr(b).

    Raises InputError if the corpus can't be found, read or decoded, or is empty.
    """
    raw = find(source, encoding)
    if raw.units == "bytes":
        text = "".join(block.decode("latin-1") for block in raw.blocks())
    else:
        text = "".join(characters(raw.blocks(), raw.encoding, raw.called))
    if not text:
        raise InputError(f"expected some text, but {raw.called} is empty")
    return Corpus(raw.name, raw.source, text)


def is_named(source: str) -> bool:
    """Return whether a source is a corpus's name or standard input, rather than a path."""
    return source == STANDARD_INPUT or source in BUILT_IN or source in REMOTE


def units_of(source: str) -> Units:
    """Return what a corpus is read as, unless a setting says otherwise."""
    return REMOTE[source].units if source in REMOTE else "characters"


def find(source: str, encoding: str) -> RawText:
    """Return a corpus's bytes before decoding; `encoding` is that of a file or standard input.

    Raises InputError if the corpus can't be found, downloaded or opened.
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
        given=source,
    )


def _content(path: Path) -> bytes | None:
    """Read a small file or a pipe; return None for a large file, which can be read repeatedly."""
    refuse_device(path)
    with path.open("rb") as file:
        head = file.read(IN_MEMORY + 1)
        if len(head) <= IN_MEMORY:
            return head
        if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        return head + drain(file, str(path))


def cache_folder() -> Path:
    """Return the folder of cached corpora: $BPTT_CACHE, or the platform's cache folder."""
    return Path(os.environ.get("BPTT_CACHE") or pooch.os_cache("bptt"))


def cached_file(name: str) -> Path:
    """Return the path where a remote corpus is cached, whether it exists or not."""
    suffix = ".zip" if REMOTE[name].member else ".txt"
    return cache_folder() / f"{name}{suffix}"


def _fetched(name: str, remote: Remote) -> RawText:
    """Download a corpus unless it is cached. Raises InputError if it fails or the hash differs."""
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
    """Decode a text whose encoding the user can't choose.

    Raises InputError that names the first byte that can't be decoded.
    """
    return "".join(characters([content], encoding, name, fixed=True))
