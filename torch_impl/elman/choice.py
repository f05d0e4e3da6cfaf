"""Which way is faster here for this size: measured once a process, not known in advance."""

import time
from functools import cache
from importlib.util import find_spec

import torch

from .recurrence import Recurrence, StepByStep

HAS_NUMBA = find_spec("numba") is not None
COMPILED_DTYPES = (torch.float32, torch.float64)
STEPS = 16  # of a trial: enough that what is done once a sequence weighs as little as it should
MOST_TRIALS, FEWEST_TRIALS, SECONDS = 20, 2, 0.1  # of each size, after a first one to warm up


def choose(sequence: torch.Tensor) -> Recurrence:
    """Return the faster way for a sequence (T, B, H) with torch's number of threads.

    Where there is a choice, the first call for a size runs short trials of all ways.
    """
    if not HAS_NUMBA or sequence.device.type != "cpu" or sequence.dtype not in COMPILED_DTYPES:
        return StepByStep()
    _, B, H = sequence.shape
    return measured(B, H, sequence.dtype, torch.get_num_threads())


@cache
def measured(B: int, H: int, dtype: torch.dtype, threads: int) -> Recurrence:
    """Time all ways, turn by turn, and return the one whose best time is lowest."""
    from .compiled_sweep import Sweep  # numba takes a while to import, and may be absent

    ways: list[Recurrence] = [StepByStep(), Sweep(threads=1)]
    if threads > 1 and B > 1:
        ways.append(Sweep(threads=min(threads, B)))
    best = [float("inf")] * len(ways)
    generator = torch.Generator().manual_seed(0)  # leaves the user's random numbers alone
    weight = (2 * torch.rand(H, H, dtype=dtype, generator=generator) - 1) / H**0.5
    sequence = 2 * torch.rand(STEPS, B, H, dtype=dtype, generator=generator) - 1
    for way in ways:
        _seconds(way, sequence[:1], weight)  # compiles, or loads
    begun = time.perf_counter()
    for trial in range(MOST_TRIALS):
        if trial >= FEWEST_TRIALS and time.perf_counter() - begun > SECONDS:
            break
        for number, way in enumerate(ways):
            best[number] = min(best[number], _seconds(way, sequence, weight))
    return ways[best.index(min(best))]


def _seconds(way: Recurrence, sequence: torch.Tensor, weight: torch.Tensor) -> float:
    states = sequence.clone()
    begun = time.perf_counter()
    way.forward(states, sequence[0], weight)
    way.backward(sequence, states, weight, True)
    return time.perf_counter() - begun
