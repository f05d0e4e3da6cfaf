"""Time limits of calls leave nothing behind, however close to the limit a call ends."""

import signal
import time

import pytest

from bptt.verify.checker.calls import CaseError, call

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="there are no timers")


def spin(seconds: float) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


def test_call_that_ends_as_its_time_is_up_leaves_no_timer_behind() -> None:
    handler = signal.getsignal(signal.SIGALRM)
    late = 0
    for n in range(3000):
        try:
            call("spin", spin, 5e-4 + n % 200 * 1e-6, limit=6e-4)
        except CaseError:
            late += 1
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        assert signal.getsignal(signal.SIGALRM) is handler
    assert late > 0
