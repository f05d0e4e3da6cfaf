"""A description of the machine: processor, caches, load, libraries."""

import os
import platform
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
UNKNOWN = "unknown"


def describe() -> dict[str, Any]:
    """Return the properties that don't change during a run."""
    return {
        "processor": processor(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "caches": cache_bytes(),
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "numpy": version("numpy"),
    }


def processor() -> str:
    """Return the processor's model name as reported by the system."""
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        for line in listing.read_text().splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or UNKNOWN


@cache
def cache_bytes() -> dict[str, int]:
    """Return the size in bytes of each data cache of the first core; empty if unknown."""
    sizes = {}
    for folder in sorted(CACHES.glob("index*")):
        if (folder / "type").read_text().strip() == "Instruction":
            continue
        level = (folder / "level").read_text().strip()
        size = (folder / "size").read_text().strip()  # such as 1024K
        sizes[f"L{level}"] = int(size.removesuffix("K")) * 1024
    return sizes


def load() -> float | None:
    """Return the load average of the last minute, None if unknown."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None
