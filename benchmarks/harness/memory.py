"""The resident memory of this process, as reported by Linux."""

import ctypes
from pathlib import Path

STATUS = Path("/proc/self/status")
REFERENCES = Path("/proc/self/clear_refs")
RESET_PEAK = "5"


def can_be_measured() -> bool:
    return STATUS.exists() and REFERENCES.exists()


def reset_peak() -> int:
    """Reset the peak of resident memory; return the bytes resident now.

    Freed memory is returned to the system first, because reusing it would not raise the peak.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # glibc's
    if trim is not None:
        trim(0)
    REFERENCES.write_text(RESET_PEAK)
    return _bytes("VmRSS")


def peak() -> int:
    """Return the largest number of resident bytes since the last reset."""
    return _bytes("VmHWM")


def _bytes(field: str) -> int:
    for line in STATUS.read_text().splitlines():
        name, _, value = line.partition(":")
        if name == field:
            return int(value.split()[0]) * 1024
    raise LookupError(f"{STATUS} has no {field}")
