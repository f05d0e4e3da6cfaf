"""Timing in rounds: every engine once per round, in random order, always from the same start.

A unit is what the workload counts: a training iteration, a forward and backward pass, a character.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from .process import Process

CEILING = 1_000_000  # largest number of units per sample, for units that take almost no time


@dataclass
class Timing:
    """One engine's samples: wall-clock seconds per unit, and the number of cores in use.

    `cores` is processor seconds per wall-clock second.
    """

    units: int
    seconds: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)


def units_needed(process: Process, sample_seconds: float) -> int:
    """Return how many units take `sample_seconds` seconds; this is also the warm-up."""
    units = 1
    process.ask("time", units)  # compiles and fills caches
    while True:
        seconds, _ = process.ask("time", units)
        if seconds >= sample_seconds or units >= CEILING:
            return units
        # At most tenfold at once: the first samples overestimate the time of a unit.
        growth = sample_seconds / max(seconds, 1e-9) * 1.2
        units = min(CEILING, math.ceil(units * min(10.0, max(1.5, growth))))


def measure(
    processes: Mapping[str, Process],
    units: Mapping[str, int],
    *,
    rounds: int,
    random: np.random.Generator,
    each: Callable[[str], None] = lambda name: None,
) -> tuple[dict[str, Timing], list[list[str]]]:
    """Return each engine's timing and the order of each round.

    `each` is called with the engine's name after every sample.
    """
    timings = {name: Timing(units[name]) for name in processes}
    orders = []
    for _ in range(rounds):
        order = [str(name) for name in random.permutation(sorted(processes))]
        orders.append(order)
        for name in order:
            wall, busy = processes[name].ask("time", units[name])
            timings[name].seconds.append(wall / units[name])
            timings[name].cores.append(busy / wall)
            each(name)
    return timings, orders
