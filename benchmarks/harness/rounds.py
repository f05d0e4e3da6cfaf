"""The measurement: every engine once a round, in an order drawn anew, from the same start.

A unit is what the workload counts: a training iteration, a forward and backward, a character.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from .process import Process

CEILING = 1_000_000  # units a sample, for a unit that takes no time


@dataclass
class Timing:
    """One engine's samples: wall-clock seconds a unit, and processor seconds a wall-clock one.

    `cores` shows how many threads really worked.
    """

    units: int
    seconds: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)


def units_needed(process: Process, sample_seconds: float) -> int:
    """Return how many units a sample must have to take so long; this is the warm-up as well."""
    units = 1
    process.ask("time", units)  # compiles, fills caches
    while True:
        seconds, _ = process.ask("time", units)
        if seconds >= sample_seconds or units >= CEILING:
            return units
        # Not more than tenfold at once: the first samples overstate the time of one unit.
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
    """Return each engine's timing and each round's order; `each` is called after a sample."""
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
