"""Texts of any size, encoded as indices into the symbols that occur in them.

N characters or bytes of text, V symbols.
"""

import codecs
import hashlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt

from reference import Vocabulary

from ..errors import InputError
from . import cache, corpora
from .cache import Key, Summary, release
from .decoding import CODE_POINTS, RawText, Units, characters

STEP = 2**20  # indices that are translated at once


@dataclass(frozen=True, eq=False)
class Encoded:
    """A text encoded as indices into its vocabulary; byte b is the character chr(b).

    `source` loads the text again: an absolute path, "-" or a corpus's name. `encoding` is the
    file's, and unused for bytes. `sha256` is that of the bytes, or of the text in UTF-8. The
    indices are read-only; their type is the smallest that also holds V, which stands for an unseen
    symbol.
    """

    name: str
    source: str
    encoding: str
    units: Units
    sha256: str
    vocabulary: Vocabulary
    indices: UInt[np.ndarray, " N"]


def open_corpus(source: str, encoding: str = "utf-8", units: Units | None = None) -> Encoded:
    """Load a corpus, given its name, its path, or "-" for standard input, and encode it.

    `units` defaults to the corpus's own: bytes for enwik8, characters for all others. Line ends of
    characters are read as in text mode. A file larger than corpora.IN_MEMORY is encoded once, kept
    in the cache and memory-mapped.

    Raises InputError if the corpus can't be found, read or decoded, or is empty.

    >>> text = open_corpus("novel.txt")
    >>> len(text.indices), len(text.vocabulary)
    (524288, 81)
    """
    raw = corpora.find(source, encoding)
    units = units or raw.units
    if raw.content is not None:
        summary = _summary(raw, units)
        pieces = _indices(raw, units, summary)
        indices = cache.in_memory(summary.dtype, summary.length, pieces)
    else:
        summary, indices = _cached(raw, units)
    return Encoded(
        name=raw.name,
        source=raw.source,
        encoding=raw.encoding,
        units=units,
        sha256=summary.sha256,
        vocabulary=Vocabulary([chr(code) for code in summary.symbols]),
        indices=indices,
    )


def _cached(raw: RawText, units: Units) -> tuple[Summary, UInt[np.ndarray, " N"]]:
    decoding = ""
    if units == "characters":
        for _ in characters([], raw.encoding, raw.called):
            pass  # raises InputError for an unknown encoding
        decoding = codecs.lookup(raw.encoding).name
    sha256 = raw.sha256 or _sha256(raw)
    key = Key(sha256, raw.member, decoding, units)
    kept = cache.find(key)
    if kept is not None:
        return kept
    summary = _summary(raw, units)
    indices = cache.keep(key, summary, lambda: _indices(raw, units, summary, sha256))
    return summary, indices


def _sha256(raw: RawText) -> str:
    found = hashlib.sha256()
    for block in raw.blocks():
        found.update(block)
    return found.hexdigest()


def _summary(raw: RawText, units: Units) -> Summary:
    """Read a text once for its symbols, length and SHA-256.

    Raises InputError if it can't be read or decoded, or is empty.
    """
    used, length, found = np.zeros(CODE_POINTS, bool), 0, hashlib.sha256()
    for piece in _pieces(raw.blocks(), raw, units):
        codes = _codes(piece)
        used[codes] = True
        length += len(codes)
        is_bytes = isinstance(piece, bytes)
        found.update(piece if is_bytes else piece.encode("utf-8", "surrogatepass"))
    if not length:
        raise InputError(f"expected some text, but {raw.called} is empty")
    symbols = np.flatnonzero(used).tolist()
    return Summary(symbols=symbols, length=length, sha256=found.hexdigest())


def _indices(
    raw: RawText, units: Units, summary: Summary, sha256: str | None = None
) -> Iterator[UInt[np.ndarray, " _"]]:
    """Yield a text's indices. Raises InputError if the file changed since its summary was made."""
    table = np.full(CODE_POINTS, len(summary.symbols), summary.dtype)
    table[summary.symbols] = np.arange(len(summary.symbols))
    length, found = 0, hashlib.sha256()

    def read() -> Iterator[bytes]:
        for block in raw.blocks():
            found.update(block)
            yield block

    for piece in _pieces(read(), raw, units):
        indices = table.take(_codes(piece))
        length += len(indices)
        if length > summary.length or (indices == len(summary.symbols)).any():
            raise InputError(f"{raw.source} changed while it was read")
        yield indices
    whole = raw.member is not None or sha256 is None or found.hexdigest() == sha256
    if length != summary.length or not whole:
        raise InputError(f"{raw.source} changed while it was read")


def _pieces(blocks: Iterator[bytes], raw: RawText, units: Units) -> Iterator[str | bytes]:
    return blocks if units == "bytes" else characters(blocks, raw.encoding, raw.called)


def _codes(piece: str | bytes) -> UInt[np.ndarray, " _"]:
    if isinstance(piece, bytes):
        return np.frombuffer(piece, np.uint8)
    if piece.isascii():
        return np.frombuffer(piece.encode("ascii"), np.uint8)
    native = "utf-32-le" if sys.byteorder == "little" else "utf-32-be"
    return np.frombuffer(piece.encode(native, "surrogatepass"), np.uint32)


def translated(
    indices: UInt[np.ndarray, " N"], symbols: Vocabulary, vocabulary: Vocabulary
) -> UInt[np.ndarray, " N"]:
    """Re-encode indices into `symbols` as indices into `vocabulary`; the result is read-only.

    A symbol that `vocabulary` lacks becomes len(vocabulary). If no index changes, the same array is
    returned. A large result is mapped from a temporary file instead of held in memory.
    """
    places = {symbol: index for index, symbol in enumerate(vocabulary.symbols)}
    table = np.array([places.get(symbol, len(vocabulary)) for symbol in symbols.symbols])
    if np.array_equal(table, np.arange(len(symbols))):
        return indices
    dtype = cache.smallest(len(vocabulary))
    table = table.astype(dtype)

    def pieces() -> Iterator[UInt[np.ndarray, " _"]]:
        for start in range(0, len(indices), STEP):
            yield table.take(indices[start : start + STEP])
            cache.release(indices)

    if len(indices) * dtype.itemsize > corpora.IN_MEMORY:
        return cache.temporary(dtype, len(indices), pieces)
    return cache.in_memory(dtype, len(indices), pieces())


def stretches(indices: np.ndarray) -> Iterator[np.ndarray]:
    """Yield consecutive slices of STEP indices, and release the pages of each after its use."""
    for start in range(0, len(indices), STEP):
        yield indices[start : start + STEP]
        release(indices)
