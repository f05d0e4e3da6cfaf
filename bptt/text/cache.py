"""A cache of encoded corpora: an entry is a .npy file of indices and a JSON file about it.

Entries are verified: one is used only if its hashes, lengths and indices are right.
"""

import hashlib
import io
import json
import mmap
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from jaxtyping import UInt
from pydantic import BaseModel, Field, ValidationError, field_validator

from .. import files
from . import corpora
from .decoding import BLOCK, CODE_POINTS

FORMAT = 3  # to be raised when the encoding of the same text changes
LONGEST_ENTRY = 2**24  # bytes of JSON; a text with every code point takes 9 MB
ABANDONED = 3600  # seconds without a write, after which a temporary file counts as a dead process's


@dataclass(frozen=True)
class Key:
    """Everything that a text's encoding depends on; `raw` is the SHA-256 of the file."""

    raw: str
    member: str | None
    encoding: str
    units: str
    format: int = FORMAT

    @property
    def name(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()


class Summary(BaseModel, extra="forbid", frozen=True, strict=True):
    """An encoded text without its indices: its symbols, length and SHA-256."""

    symbols: list[int] = Field(min_length=1)  # code points or bytes, ascending
    length: int = Field(gt=0)
    sha256: str

    @field_validator("symbols")
    @classmethod
    def _are_ascending_code_points(cls, symbols: list[int]) -> list[int]:
        if symbols != sorted(set(symbols)) or symbols[0] < 0 or symbols[-1] >= CODE_POINTS:
            raise ValueError("must be code points in ascending order")
        return symbols

    @property
    def dtype(self) -> np.dtype:
        return smallest(len(self.symbols))


class Entry(BaseModel, extra="forbid", frozen=True, strict=True):
    """The content of an entry's JSON file; `check` is the SHA-256 of all other fields."""

    key: dict[str, str | int | None]
    summary: Summary
    indices: str  # SHA-256 of the .npy file
    check: str = ""

    def sealed(self) -> "Entry":
        rest = self.model_dump_json(exclude={"check"})
        return self.model_copy(update={"check": hashlib.sha256(rest.encode()).hexdigest()})


def smallest(highest: int) -> np.dtype:
    """Return the smallest unsigned type that holds 0 to `highest`."""
    return np.min_scalar_type(highest)


def folder() -> Path:
    return corpora.cache_folder() / "encoded"


def used() -> int:
    """Return the size of all entries in bytes; entries deleted meanwhile don't count."""
    sizes = 0
    for path in folder().glob("*"):
        with suppress(FileNotFoundError):
            sizes += path.stat().st_size
    return sizes


def find(key: Key) -> tuple[Summary, UInt[np.ndarray, " N"]] | None:
    """Return an entry's summary and its indices, memory-mapped; None if there is no valid one.

    A damaged entry gives a note on standard error.
    """
    place = folder() / f"{key.name}.json"
    try:
        with place.open("rb") as file:
            content = file.read(LONGEST_ENTRY)
        entry = Entry.model_validate_json(content)
        _require(entry == entry.sealed(), "its JSON file's checksum is wrong")
        _require(entry.key == asdict(key), "it belongs to another text")
        summary = entry.summary
        with place.with_suffix(".npy").open("rb") as file:
            begin = _check(file, entry)
            return summary, _mapped(file, summary.dtype, summary.length, begin)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        _note(f"the cache entry {place} is damaged: {error.error_count()} wrong fields; rebuilding")
    except (ValueError, OSError) as error:
        _note(f"the cache entry {place} can't be used: {error}; rebuilding")
    return None


def _check(file: BinaryIO, entry: Entry) -> int:
    """Return where the indices begin. Raises ValueError unless they are the entry's."""
    summary = entry.summary
    header = _header(summary.dtype, summary.length)
    size, expected = os.fstat(file.fileno()).st_size, summary.length * summary.dtype.itemsize
    _require(size == len(header) + expected, f"expected {expected} bytes of indices, got {size}")
    _require(file.read(len(header)) == header, "its header is wrong")
    found = hashlib.sha256(header)
    while block := file.read(BLOCK):
        found.update(block)
        highest = int(np.frombuffer(block, summary.dtype).max())
        _require(highest < len(summary.symbols), f"index {highest} of {len(summary.symbols)}")
    _require(found.hexdigest() == entry.indices, "its indices' SHA-256 is wrong")
    return len(header)


def _header(dtype: np.dtype, length: int) -> bytes:
    header = io.BytesIO()
    described = {"descr": dtype.str, "fortran_order": False, "shape": (length,)}
    np.lib.format.write_array_header_1_0(header, described)
    return header.getvalue()


def _require(right: bool, otherwise: str) -> None:
    if not right:
        raise ValueError(otherwise)


def keep(
    key: Key, summary: Summary, pieces: Callable[[], Iterable[UInt[np.ndarray, " _"]]]
) -> UInt[np.ndarray, " N"]:
    """Write an entry and return its indices, memory-mapped, or in memory if it can't be written.

    `pieces` returns a new iterator over the indices at each call.
    """
    place = folder() / f"{key.name}.npy"
    header = _header(summary.dtype, summary.length)
    found = hashlib.sha256(header)

    def hashed() -> Iterator[np.ndarray]:
        for piece in pieces():
            found.update(piece.data)
            yield piece

    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(place.parent)
        with files.writing(place) as file:
            file.write(header)
            _write(file, hashed())
            entry = Entry(
                key=asdict(key),
                summary=summary,
                indices=found.hexdigest(),
            ).sealed()
            with files.writing(place.with_suffix(".json")) as description:
                description.write(entry.model_dump_json().encode())
        with place.open("rb") as file:  # not before: Windows renames no file that is mapped
            indices = _mapped(file, summary.dtype, summary.length, len(header))
        _note(
            f"the encoded text is kept in {place.parent}, {indices.nbytes / 1e6:,.0f} MB, so "
            f"that it starts at once the next time; that folder may be deleted at any time "
            f"(`bptt corpora` says how large it is, $BPTT_CACHE names another)"
        )
        return indices
    except OSError as error:
        with suppress(OSError):
            place.with_suffix(".json").unlink()
        return _in_memory_instead(error, summary.dtype, summary.length, pieces)


def temporary(
    dtype: np.dtype, length: int, pieces: Callable[[], Iterable[UInt[np.ndarray, " _"]]]
) -> UInt[np.ndarray, " N"]:
    """Return indices mapped from a temporary file, which is deleted together with the array.

    Like `keep`, it returns them in memory if the file can't be written.
    """
    try:
        folder().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder()) as file:
            _write(file, pieces())
            return _mapped(file, dtype, length)
    except OSError as error:
        return _in_memory_instead(error, dtype, length, pieces)


def in_memory(
    dtype: np.dtype, length: int, pieces: Iterable[UInt[np.ndarray, " _"]]
) -> UInt[np.ndarray, " N"]:
    """Join pieces of `length` indices in total into one read-only array."""
    indices, end = np.empty(length, dtype), 0
    for piece in pieces:
        indices[end : end + len(piece)] = piece
        end += len(piece)
    indices.flags.writeable = False
    return indices


def _in_memory_instead(
    error: OSError,
    dtype: np.dtype,
    length: int,
    pieces: Callable[[], Iterable[UInt[np.ndarray, " _"]]],
) -> UInt[np.ndarray, " N"]:
    _note(
        f"can't keep the encoded text in {folder()}: {error.strerror or error}; "
        f"it takes {length * dtype.itemsize / 1e6:,.0f} MB of memory instead"
    )
    return in_memory(dtype, length, pieces())


def _write(file: BinaryIO, pieces: Iterable[UInt[np.ndarray, " _"]]) -> None:
    for piece in pieces:
        file.write(piece.data)
    file.flush()


def _mapped(file: BinaryIO, dtype: np.dtype, length: int, begin: int = 0) -> UInt[np.ndarray, " N"]:
    """Map a file's indices, which begin at a byte; a plain array, unlike those of np.memmap."""
    content = mmap.mmap(file.fileno(), begin + length * dtype.itemsize, access=mmap.ACCESS_READ)
    return np.frombuffer(content, dtype, offset=begin)


def release(indices: UInt[np.ndarray, " N"]) -> None:
    """Release the pages read from a mapped text: they no longer count as the process's memory.

    Call it every few megabytes when reading a large text. The indices stay valid: the operating
    system keeps the pages and maps them again at once. Does nothing for an array in memory.
    """
    owner: object = indices
    while isinstance(owner, np.ndarray):
        owner = owner.base
    if isinstance(owner, memoryview):
        owner = owner.obj
    if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)


def _remove_abandoned(place: Path) -> None:
    for aside in place.glob("*.tmp"):
        with suppress(FileNotFoundError):  # another process may remove it first
            if time.time() - aside.stat().st_mtime > ABANDONED:
                aside.unlink()


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)
