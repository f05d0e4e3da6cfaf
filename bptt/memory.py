"""The machine's memory, in bytes, on every system that psutil knows."""

import math


def installed() -> float:
    """Return how much there is; infinite where nobody can say."""
    return _figure("total")


def available() -> float:
    """Return how much can be had without swapping; infinite where nobody can say."""
    return _figure("available")


def _figure(name: str) -> float:
    try:
        import psutil  # only here: on a system that it doesn't know, importing it fails

        return getattr(psutil.virtual_memory(), name)
    except (ImportError, AttributeError, NotImplementedError, OSError):
        return math.inf  # what is asked for it are courtesies: training goes on without
