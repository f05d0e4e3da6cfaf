"""Shares of some work, a thread each."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache


def share(run: Callable[[int, int], None], count: int, threads: int, unit: int = 1) -> None:
    """Call run(first, how many) on shares of 0..count, the first in this thread.

    Shares begin at multiples of `unit`.
    """
    if threads == 1:
        run(0, count)
        return
    size = -(-count // (threads * unit)) * unit
    shares = [(first, min(size, count - first)) for first in range(0, count, size)]
    others = [_pool(threads).submit(run, *share) for share in shares[1:]]
    run(*shares[0])
    for other in others:
        other.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1, thread_name_prefix="elman")


os.register_at_fork(after_in_child=_pool.cache_clear)  # a forked child has no threads
