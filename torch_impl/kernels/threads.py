"""Work divided among threads: those of torch's OpenMP, or a pool of our own where it has none.

After an operation of its own torch's threads keep spinning for a while and occupy the cores; so the
work is given to them rather than to others that would have to share the cores with them.
"""

import ctypes
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from threading import Lock
from typing import Any

import numpy as np
import torch

from .barrier import GIVEN_UP, barrier

_order = Lock()
_PROCESS = os.getpid()  # in a forked child OpenMP would wait for threads that it does not have
_Region = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def run_in_threads(run: Callable[[int, int], Any], threads: int) -> Any:
    """Call run(0, threads) in this thread and run(1, threads), … in others, and wait for all.

    Returns the result of run(0, threads). What one of them raises is raised here.
    """
    if threads > 1 and os.getpid() == _PROCESS and (library := _openmp()) is not None:
        results = _run_in_region(library, run, threads)
        if results:
            return results[0]
    with _order:  # threads that wait for each other must not be queued behind those of another call
        others = [_pool(threads).submit(run, thread, threads) for thread in range(1, threads)]
    result = run(0, threads)
    for other in others:
        other.result()
    return result


def _run_in_region(
    library: ctypes.CDLL, run: Callable[[int, int], Any], threads: int
) -> dict[int, Any]:
    """Return each thread's result, or nothing if OpenMP has fewer threads: none then runs."""
    results, errors = {}, []

    def member(_: Any) -> None:
        try:
            if library.omp_get_num_threads() == threads:
                thread = library.omp_get_thread_num()
                results[thread] = run(thread, threads)
        except BaseException as error:  # a callback can't raise
            errors.append(error)

    library.GOMP_parallel(_Region(member), None, threads, 0)
    if errors:
        raise errors[0]
    return results


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
def _openmp() -> ctypes.CDLL | None:
    """Return the library that torch's threads come from, or None if it has no such regions."""
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(torch._C.__file__)
        library.GOMP_parallel.argtypes = _Region, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint
        library.GOMP_parallel.restype = None
        if library.omp_get_thread_num and library.omp_get_num_threads:
            return library
    return None


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1, thread_name_prefix="kernel")


if hasattr(os, "register_at_fork"):  # a forked child has no threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
