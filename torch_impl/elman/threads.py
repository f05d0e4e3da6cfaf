"""Work divided among threads.

They are not torch's threads, which keep spinning for a while after their own work and so occupy
the cores.
"""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from threading import Lock

import numpy as np

from torch_impl.kernels.barrier import GIVEN_UP, barrier

_order = Lock()


def share(run: Callable[[int, int], None], parts: int) -> None:
    """Call run(part, parts) for part = 0 … parts - 1 in parallel, part 0 in this thread."""
    with _order:  # parts that wait for each other must not be queued behind those of another call
        others = [_pool(parts).submit(run, part, parts) for part in range(1, parts)]
    run(0, parts)
    for other in others:
        other.result()


def share_steps(run: Callable[[np.ndarray, int, int], None], parts: int) -> None:
    """Call run(steps, part, parts) as `share` does, with the step counters of a barrier."""
    steps = barrier(parts)
    try:
        share(partial(run, steps), parts)
    except BaseException:  # such as Ctrl-C: no thread may wait for a part that never runs
        steps.fill(GIVEN_UP)
        raise


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1, thread_name_prefix="elman")


if hasattr(os, "register_at_fork"):  # a forked child has no threads
    os.register_at_fork(after_in_child=_pool.cache_clear)
