"""Work that threads divide is all done, once, whoever's threads they are."""

import os
import sys
from threading import Barrier, get_ident

import pytest
import torch

from torch_impl.kernels import threads as threading
from torch_impl.kernels.threads import run_in_threads

OPENMP = threading._openmp


@pytest.fixture(params=["torch's threads", "a pool", "a forked child's pool"], autouse=True)
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "a pool":
        monkeypatch.setattr(threading, "_openmp", lambda: None)
    elif request.param == "a forked child's pool":
        monkeypatch.setattr(threading, "_PROCESS", os.getpid() + 1)


@pytest.mark.parametrize("threads", [1, 2, 3, 5])
def test_every_portion_runs_once_and_all_at_a_time(threads: int) -> None:
    together, seen = Barrier(threads, timeout=60), []

    def run(thread: int, count: int) -> str:
        together.wait()
        seen.append((thread, count, get_ident()))
        return f"result of {thread}"

    for _ in range(3):
        assert run_in_threads(run, threads) == "result of 0"
    assert sorted(thread for thread, *_ in seen) == sorted([*range(threads)] * 3)
    assert {count for _, count, _ in seen} == {threads}
    assert {ident for thread, _, ident in seen if thread == 0} == {get_ident()}


def test_work_within_work_is_done_too() -> None:
    seen = []

    def outer(thread: int, count: int) -> None:
        run_in_threads(lambda inner, _: seen.append((thread, inner)), 2)

    run_in_threads(outer, 1)
    run_in_threads(lambda thread, _: thread or outer(7, 1), 2)
    assert sorted(seen) == [(0, 0), (0, 1), (7, 0), (7, 1)]


@pytest.mark.parametrize("culprit", [0, 1])
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, MemoryError])
def test_what_a_thread_raises_is_raised_here(culprit: int, kind: type[BaseException]) -> None:
    def run(thread: int, count: int) -> None:
        if thread == culprit:
            raise kind("of this thread")

    with pytest.raises(kind, match="of this thread"):
        run_in_threads(run, 2)
    assert run_in_threads(_number, 2) == 0


def _number(thread: int, count: int) -> int:
    return thread


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere OpenMP has another interface")
def test_torchs_threads_are_the_ones_that_work() -> None:
    assert "OpenMP" in torch.__config__.parallel_info()
    assert OPENMP() is not None
