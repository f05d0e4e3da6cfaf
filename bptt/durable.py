"""Files that are whole or not there: written aside, flushed to disk, renamed."""

import os
from pathlib import Path


def write(path: Path, content: bytes) -> None:
    """Replace the file in one step; a crash leaves the old one or the new one.

    Raises OSError, with the old file untouched and nothing beside it.
    """
    aside = path.with_name(path.name + ".tmp")
    try:
        with aside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def flush_folder(folder: Path) -> None:
    """Make the folder's own entries (what was renamed or created in it) survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
