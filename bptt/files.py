"""Files that are whole or not there: written aside, flushed to disk, renamed."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def write(path: Path, content: bytes) -> None:
    """Replace the file in one step; a crash leaves the old one or the new one.

    Raises OSError, with the old file untouched and nothing beside it.
    """
    with _replacing(path, path.with_name(path.name + ".tmp"), "wb") as file:
        file.write(content)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Give a file to write, and to read again, that replaces the one at `path` at the end.

    Each writer has a file of its own aside, so that two at once don't meet; what a killed one
    left can be told by its name, PATH.….tmp. An exception leaves the old file and nothing beside.
    """
    with _replacing(path, path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp"), "xb+") as file:
        yield file


@contextmanager
def _replacing(path: Path, aside: Path, mode: str) -> Iterator[BinaryIO]:
    try:
        with aside.open(mode) as file:
            yield file  # pyright: ignore[reportReturnType] - both modes are binary
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make the folder's own entries (what was renamed or created in it) survive a power cut.

    Windows opens no folders and has nothing to ask for.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
