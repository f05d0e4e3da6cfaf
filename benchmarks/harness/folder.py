"""The folder of a benchmark's results."""

import os
from pathlib import Path

from bptt.errors import InputError, explained


def prepared(out: Path) -> Path:
    """Create the output folder before anything is measured. Raises InputError if it can't be."""
    with explained("make", out):
        out.mkdir(parents=True, exist_ok=True)
    if not os.access(out, os.W_OK):
        raise InputError(f"can't write into {out}")
    return out
