"""The machine's memory, in bytes, on every system that psutil knows."""

import math
import sys


def installed() -> float:
    """Return how much memory the machine has; inf if that is unknown."""
    return _figure("total")


def available() -> float:
    """Return how much memory can be used without swapping; inf if that is unknown."""
    return _figure("available")


def peak() -> float:
    """Return the most memory that this process has used so far; 0 if the system doesn't say."""
    try:
        import resource
    except ImportError:
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return float(unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def _figure(name: str) -> float:
    try:
        import psutil  # only here: on a system that it doesn't know, importing it fails

        return getattr(psutil.virtual_memory(), name)
    except (ImportError, AttributeError, NotImplementedError, OSError):
        return math.inf  # only checks in advance need it: training works without
