"""Work divided among threads.

They are not torch's threads, which keep spinning for a while after their own work and so occupy
the cores.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from threading import Lock
from typing import Any

import numpy as np

from .barrier import GIVEN_UP, barrier

_order = Lock()


def run_in_threads(run: Callable[[int, int], Any], threads: int) -> Any:
    """Call run(0, threads) in this thread and run(1, threads), … in others, and wait for all.

    Returns this thread's result.
    """
    with _order:  # threads that wait for each other must not be queued behind those of another call
        others = [_pool(threads).submit(run, thread, threads) for thread in range(1, threads)]
    result = run(0, threads)
    for other in others:
        other.result()
    return result


def run_with_barrier(run: Callable[[np.ndarray, int, int], Any], threads: int) -> Any:
    """Call run(steps, thread, threads) in threads, with the step counters of a new barrier.

    Returns this thread's result.
    """
    steps = barrier(threads)
    try:
        return run_in_threads(partial(_run_or_give_up, run, steps), threads)
    except BaseException:  # such as Ctrl-C before this thread's turn, or no memory for a thread
        steps.fill(GIVEN_UP)
        raise


def _run_or_give_up(run: Callable, steps: np.ndarray, thread: int, threads: int) -> Any:
    try:
        return run(steps, thread, threads)
    except BaseException:  # no thread may wait for one that never runs
        steps.fill(GIVEN_UP)
        raise


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1, thread_name_prefix="kernel")


if hasattr(os, "register_at_fork"):  # a forked child has no threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
