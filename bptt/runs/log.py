"""A run's log.jsonl: an entry a line, in the order of iterations, only ever appended to."""

import csv
import io
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from .. import files
from ..errors import explained, naming
from ..strict import Strict

BETWEEN_SHOWS = 1.0  # seconds for which a line may stay in the buffer


class Entry(Strict):
    """An iteration in the log.

    Losses are in nats, summed over a window's steps and lanes; `bits_per_character` is of the
    smoothed loss and `validation_bits` of the whole validation text. `seconds` is the time spent on
    the run so far, validation included. `characters` counts those learned from. `weights` is their
    digest, of iterations that end in a regular checkpoint.
    """

    iteration: int
    loss: float
    smooth_loss: float
    bits_per_character: float
    characters: int
    seconds: float
    learning_rate: float
    validation_bits: float | None = None
    unseen: int | None = None
    sample: str | None = None
    weights: str | None = None


Line = TypeVar("Line", bound=Strict)


def read(path: Path, kind: type[Line]) -> list[Line]:
    """Read the complete lines up to the first damaged one; none if there is no file.

    Raises InputError if it can't be read.
    """
    entries: list[Line] = []
    with explained("read", path):
        if not path.exists():
            return entries
        content = path.read_bytes()
    for line in content.split(b"\n")[:-1]:
        try:
            entries.append(kind.model_validate_json(line))
        except ValidationError:
            break
    return entries


def write(path: Path, entries: Sequence[Strict]) -> None:
    """Replace the file by these entries, atomically."""
    files.write(path, b"".join(to_line(entry) for entry in entries))


def to_line(entry: Strict) -> bytes:
    return entry.model_dump_json(exclude_none=True).encode() + b"\n"


def to_csv(entries: Sequence[Entry]) -> bytes:
    """Return a table of all fields but the samples and digests, a line for each entry."""
    fields = [name for name in Entry.model_fields if name not in ("sample", "weights")]
    table = io.StringIO()
    writer = csv.DictWriter(table, fields, extrasaction="ignore", lineterminator="\n")
    writer.writeheader()
    writer.writerows(entry.model_dump() for entry in entries)
    return table.getvalue().encode()


class Log:
    """The log file, open to append to it."""

    def __init__(self, path: Path) -> None:
        self._path, self._file = path, path.open("ab")
        self._shown = time.monotonic()

    def add(self, entry: Entry) -> None:
        self._file.write(to_line(entry))
        if time.monotonic() - self._shown > BETWEEN_SHOWS:
            self._file.flush()
            self._shown = time.monotonic()

    def flush(self) -> None:
        """Flush all lines to disk."""
        with naming(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())

    def __enter__(self) -> "Log":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
