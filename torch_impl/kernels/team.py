# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""A team: the threads that run one call of a kernel and divide its work among themselves."""

from typing import NamedTuple

import numpy as np

from .barrier import APART, GIVEN_UP, arrive, barrier
from .compiled import internal


class Team(NamedTuple):
    """A thread's number in its team, the number of threads, and the barrier's counters."""

    thread: int
    threads: int
    arrived: np.ndarray


ALONE = Team(0, 1, barrier(1))


@internal
def meet(team):
    """Wait until all threads of the team have come here; what they wrote is then visible."""
    step = team.arrived[team.thread * APART] + 1
    arrive(team.arrived, step, team.thread, team.threads)


@internal
def all_begin(team):
    """Wait until all threads of the team run the kernel; return False if one never will.

    The kernel must then return before it changes anything.
    """
    arrive(team.arrived, 1, team.thread, team.threads)
    all_run = True
    for thread in range(team.threads):
        all_run &= team.arrived[thread * APART] < GIVEN_UP
    return all_run


def portion(thread: int, threads: int, count: int, unit: int) -> tuple[int, int]:
    """Return the begin and the end of a thread's portion of range(count).

    Both are multiples of `unit`; the last end may lie beyond `count`.
    """
    units = -(-count // unit)
    return units * thread // threads * unit, units * (thread + 1) // threads * unit
