"""Files read whole: never a device, and never more than memory holds."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from . import memory
from .errors import InputError, explained

BLOCK = 2**24  # bytes
LARGEST = 2**34  # bytes that come through a pipe, where nobody says how much memory there is


def read(path: Path) -> bytes:
    """Read a file, or what comes out of a pipe.

    Raises InputError for what can't be read, a device, and what doesn't end.
    """
    with explained("read", path):
        refuse_device(path)
        with path.open("rb") as file:
            return drain(file, str(path))


def refuse_device(path: Path) -> None:
    """Raises InputError for a device that isn't a terminal, such as /dev/zero: it needn't end."""
    mode = path.stat().st_mode
    if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not _is_terminal(path)):
        raise InputError(f"can't read {path}: it is a device, not a file or a pipe")


def _is_terminal(path: Path) -> bool:
    with path.open("rb") as file:
        return os.isatty(file.fileno())


def drain(file: BinaryIO, name: str) -> bytes:
    """Read up to the end. Raises InputError where a quarter of the free memory is full before."""
    most, blocks, size = min(memory.available() / 4, LARGEST), [], 0
    while block := file.read(BLOCK):
        blocks.append(block)
        size += len(block)
        if size > most:
            raise InputError(
                f"{name} doesn't end after {size / 1e9:.1f} GB, which is all that memory has room "
                f"for; what is longer must be in a file"
            )
    return b"".join(blocks)
