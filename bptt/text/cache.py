"""Encoded corpora on disk: an entry is a file of indices and a JSON file that says what they are.

Nothing in it is trusted: an entry counts only if its hashes, lengths and indices are right.
"""

import hashlib
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

FORMAT = 2  # to be raised when the same text would be encoded in another way
LONGEST_ENTRY = 2**24  # bytes of JSON; every code point there is takes 9 MB
ABANDONED = 3600  # seconds without a write, after which a file aside is taken for a dead writer's


@dataclass(frozen=True)
class Key:
    """What an encoding of a text depends on. `raw` is the SHA-256 of the file."""

    raw: str
    member: str | None
    encoding: str
    units: str
    format: int = FORMAT

    @property
    def name(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()


class Summary(BaseModel, extra="forbid", frozen=True, strict=True):
    """All of an encoded text but the indices themselves; `sha256` is the text's."""

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
    """The JSON file; `check` is the hash of all the rest of it."""

    key: dict[str, str | int | None]
    summary: Summary
    dtype: str
    indices: str  # SHA-256
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
    """Return how many bytes the entries take, without those that vanish meanwhile."""
    sizes = 0
    for path in folder().glob("*"):
        with suppress(FileNotFoundError):
            sizes += path.stat().st_size
    return sizes


def find(key: Key) -> tuple[Summary, UInt[np.ndarray, " N"]] | None:
    """Return what is kept, or None where nothing is, or nothing that can be trusted."""
    place = folder() / f"{key.name}.json"
    try:
        with place.open("rb") as file:
            content = file.read(LONGEST_ENTRY)
        entry = Entry.model_validate_json(content)
        _require(entry == entry.sealed(), "its JSON file's checksum is wrong")
        _require(entry.key == asdict(key), "it is another text's")
        summary = entry.summary
        _require(entry.dtype == summary.dtype.str, f"its type is {entry.dtype}")
        with place.with_suffix(".indices").open("rb") as file:
            _check(file, entry)
            return summary, _mapped(file, summary.dtype, summary.length)
    except FileNotFoundError:
        return None
    except ValidationError as error:
        _note(f"the cache entry {place} is damaged: {error.error_count()} wrong fields; rebuilding")
    except (ValueError, OSError) as error:
        _note(f"the cache entry {place} can't be used: {error}; rebuilding")
    return None


def _check(file: BinaryIO, entry: Entry) -> None:
    """Raises ValueError unless the file holds the very indices."""
    summary, found = entry.summary, hashlib.sha256()
    size, expected = os.fstat(file.fileno()).st_size, summary.length * summary.dtype.itemsize
    _require(size == expected, f"expected {expected} bytes of indices, got {size}")
    while block := file.read(BLOCK):
        found.update(block)
        highest = int(np.frombuffer(block, summary.dtype).max())
        _require(highest < len(summary.symbols), f"index {highest} of {len(summary.symbols)}")
    _require(found.hexdigest() == entry.indices, "its indices' SHA-256 is wrong")


def _require(right: bool, otherwise: str) -> None:
    if not right:
        raise ValueError(otherwise)


def keep(
    key: Key, summary: Summary, pieces: Callable[[], Iterable[UInt[np.ndarray, " _"]]]
) -> UInt[np.ndarray, " N"]:
    """Write an entry and return its indices, mapped; in memory where the cache can't take it."""
    place = folder() / f"{key.name}.indices"
    found = hashlib.sha256()

    def hashed() -> Iterator[np.ndarray]:
        for piece in pieces():
            found.update(piece.data)
            yield piece

    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(place.parent)
        with files.writing(place) as file:
            _write(file, hashed())
            entry = Entry(
                key=asdict(key),
                summary=summary,
                dtype=summary.dtype.str,
                indices=found.hexdigest(),
            ).sealed()
            with files.writing(place.with_suffix(".json")) as description:
                description.write(entry.model_dump_json().encode())
        with place.open("rb") as file:  # not before: Windows renames no file that is mapped
            indices = _mapped(file, summary.dtype, summary.length)
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
    """Map a file that nobody else sees and that is gone with the array; or as `keep`."""
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


def _mapped(file: BinaryIO, dtype: np.dtype, length: int) -> UInt[np.ndarray, " N"]:
    content = mmap.mmap(file.fileno(), length * dtype.itemsize, access=mmap.ACCESS_READ)
    return np.frombuffer(content, dtype)


def release(indices: UInt[np.ndarray, " N"]) -> None:
    """Stop counting what was read of a mapped text as this process' memory.

    Whoever walks through a large text calls it every few megabytes. The indices stay as they are;
    the system still has the pages, and gives them back at once. For an array in memory: nothing.
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
        with suppress(FileNotFoundError):  # another process tidies too
            if time.time() - aside.stat().st_mtime > ABANDONED:
                aside.unlink()


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)
