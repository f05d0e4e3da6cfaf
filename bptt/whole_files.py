"""Reading whole files and pipes; devices, and input larger than memory, are refused."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from . import memory
from .errors import InputError, explained

BLOCK = 2**24  # bytes
LARGEST = 2**34  # bytes read from a pipe at most, if the free memory is unknown


def read(path: Path) -> bytes:
    """Read a file, or a pipe to its end.

    Raises InputError if it can't be read, is a device, or fills a quarter of the free memory.
    """
    with explained("read", path):
        refuse_device(path)
        with path.open("rb") as file:
            return drain(file, str(path))


def refuse_device(path: Path) -> None:
    """Raise InputError for a device other than a terminal: /dev/zero, say, never ends."""
    mode = path.stat().st_mode
    if stat.S_ISBLK(mode) or (stat.S_ISCHR(mode) and not _is_terminal(path)):
        raise InputError(f"can't read {path}: it is a device, not a file or a pipe")


def _is_terminal(path: Path) -> bool:
    with path.open("rb") as file:
        return os.isatty(file.fileno())


def drain(file: BinaryIO, name: str) -> bytes:
    """Read a file to its end. Raises InputError if that fills a quarter of the free memory."""
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
