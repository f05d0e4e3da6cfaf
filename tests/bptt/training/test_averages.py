"""The average of the weights: its formula in every engine, and that it changes nothing else."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt.settings import Settings
from bptt.training import schedule
from bptt.training.base import Training
from bptt.training.start import start
from bptt.training.state import INITIAL_STATE
from reference import Vocabulary

TEXT = "the quick brown fox jumps over the lazy dog, and back again; then he sleeps. " * 3
VOCABULARY = Vocabulary.from_text(TEXT)
INDICES = VOCABULARY.encode(TEXT)
ENGINES = [("numpy", "float64"), ("torch", "float32"), ("fast", "float64"), ("fast", "float32")]


def begun(**given: Any) -> Training:
    sizes = {"hidden_size": 21, "seq_length": 6, "iterations": 30, "optimizer": "adam", "lanes": 2}
    chosen = Settings.model_validate(sizes | {"learn_initial_state": True} | given)
    return start(chosen, INDICES, VOCABULARY)


@pytest.mark.parametrize("decay", [0.3, 0.99])
@pytest.mark.parametrize(("engine", "dtype"), ENGINES)
def test_each_average_follows_its_weights(engine: str, dtype: str, decay: float) -> None:
    averaged = begun(engine=engine, dtype=dtype, average_decay=decay)
    plain = begun(engine=engine, dtype=dtype)
    mean = {name: np.asarray(value).copy() for name, value in averaged.learned.items()}
    for n in range(1, 13):
        assert averaged.step() == plain.step()
        share = np.dtype(dtype).type(1 - min(decay, (1 + n) / (10 + n)))
        for name, value in averaged.learned.items():
            mean[name] = mean[name] + share * (np.asarray(value) - mean[name])
            np.testing.assert_array_equal(averaged.averages[name], mean[name], name)
            np.testing.assert_array_equal(value, plain.learned[name], name)
            assert name == INITIAL_STATE or not np.array_equal(value, mean[name])
    assert averaged.averages.keys() == averaged.learned.keys() == averaged.published.keys()
    assert plain.averages == {}
    assert plain.published is plain.learned


@given(decay=st.floats(0.01, 0.9999), n=st.integers(1, 10**6))
def test_shares_fall_to_one_less_the_decay(decay: float, n: int) -> None:
    chosen = Settings(average_decay=decay)
    share, following = (schedule.average_share(chosen, m) for m in (n, n + 1))
    assert 1 - decay <= following <= share < 1
    assert schedule.average_share(chosen, 10**9) == 1 - min(decay, (1 + 10**9) / (10 + 10**9))
