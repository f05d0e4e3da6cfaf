"""Atomic writes: a file is written under a temporary name, flushed to disk and renamed."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from .errors import naming


def write(path: Path, content: bytes) -> None:
    """Replace a file atomically: after a crash it has its old content or the new one.

    Raises OSError; the old file is then unchanged and the temporary one removed.
    """
    with _replacing(path, path.with_name(path.name + ".tmp"), "wb") as file:
        file.write(content)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Yield a temporary file to write and to read again; on exit, it replaces the file at `path`.

    Every writer has a temporary file of its own, so concurrent writers don't interfere. A killed
    process may leave one behind, named PATH.….tmp. After an exception the old file is unchanged and
    the temporary one removed.

    >>> with writing(path) as file:
    ...     file.write(b"content")
    """
    with _replacing(path, path.with_name(f"{path.name}.{secrets.token_hex(8)}.tmp"), "xb+") as file:
        yield file


@contextmanager
def _replacing(path: Path, aside: Path, mode: str) -> Iterator[BinaryIO]:
    try:
        with naming(path), aside.open(mode) as file:
            yield file  # pyright: ignore[reportReturnType] - both modes are binary
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def move(source: Path, target: Path) -> None:
    """Rename a file in its folder, and flush that to disk. Raises OSError."""
    source.replace(target)
    flush_folder(target.parent)


def remove(path: Path) -> None:
    """Remove a file, if there is one, and flush that to disk: it can't come back after a crash.

    Raises OSError.
    """
    with suppress(FileNotFoundError):
        path.unlink()
        flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Flush a folder's entries, so that files renamed or created in it survive a power cut.

    Does nothing on Windows, which can't open folders.
    """
    if not hasattr(os, "O_DIRECTORY"):
        return
    with naming(folder):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
