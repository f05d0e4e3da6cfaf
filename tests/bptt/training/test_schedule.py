"""The learning rate over a run, and when a run without progress ends."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt.settings import Settings
from bptt.training import schedule
from bptt.training.validation import ValidationHistory


@given(
    rate=st.floats(1e-6, 10), warmup=st.integers(0, 30), share=st.floats(0, 1),
    more=st.integers(1, 40),
)  # fmt: skip
def test_cosine_rises_to_the_rate_and_falls_to_its_share(rate, warmup, share, more) -> None:
    chosen = Settings(
        schedule="cosine", learning_rate=rate, warmup=warmup, final_share=share,
        iterations=warmup + more,
    )  # fmt: skip
    rates = [schedule.rate(chosen, i + 1, ValidationHistory()) for i in range(chosen.iterations)]
    if warmup:
        assert rates[warmup - 1] == rate
        np.testing.assert_allclose(np.diff([0, *rates[:warmup]]), rate / warmup, rtol=1e-6)
    falling = [rate, *rates[warmup:]]
    assert all(a >= b for a, b in itertools.pairwise(falling))
    assert rates[-1] == pytest.approx(rate * share, rel=1e-12, abs=1e-15 * rate)
    done = np.arange(1, more + 1) / more
    expected = rate * (share + (1 - share) * (1 + np.cos(np.pi * done)) / 2)
    np.testing.assert_allclose(rates[warmup:], expected, rtol=0, atol=1e-15 * rate)


@given(
    bits=st.lists(st.sampled_from([1.0, 2.0, 3.0, 4.0]), max_size=30),
    wait=st.integers(0, 4), patience=st.integers(0, 4),
)  # fmt: skip
def test_plateau_lowers_the_rate_and_patience_ends_the_run(bits, wait, patience) -> None:
    chosen = Settings(
        schedule="plateau", plateau_patience=wait, plateau_factor=0.1, patience=patience
    )
    progress, best, waited, since, rate = ValidationHistory(), math.inf, 0, 0, 0.05
    for number, one in enumerate(bits, 1):
        progress = progress.after(one, 10 * number, chosen)
        waited, since = waited + 1, since + 1
        if one < best:
            best, waited, since = one, 0, 0
        if waited > wait:
            rate, waited = rate * 0.1, 0
        assert schedule.rate(chosen, 1, progress) == pytest.approx(rate)
        assert progress.best_bits == best
        assert progress.is_best_of(10 * number) == (since == 0)
        assert progress.is_over(chosen) == (patience > 0 and since >= patience)
