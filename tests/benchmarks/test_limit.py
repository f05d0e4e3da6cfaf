"""The limit is a bound made of ceilings, each of which is timed anew in every round."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.limit.ceilings import programs
from benchmarks.limit.contestant import Contestant
from benchmarks.limit.limit import Key, Limit, LimitProblem

SIZES = {
    "training": {"H": 50, "V": 20, "T": 9},
    "layer": {"B": 3, "H": 50, "T": 9},
    "character": {"H": 50, "V": 20},
}


def ceilings(seed: int) -> Callable[[Key], float]:
    """Return random seconds for each key, the same ones for the same key."""
    known: dict[Key, float] = {}
    random = np.random.default_rng(seed)
    return lambda key: known.setdefault(key, random.uniform(1e-12, 1e-9))


@given(
    st.sampled_from(list(SIZES)), st.sampled_from(["float32", "float64"]), st.integers(0, 2**32 - 1)
)
def test_limit_grows_with_its_ceilings_and_shrinks_with_threads(
    workload: str, dtype: str, seed: int
) -> None:
    known = ceilings(seed)
    parts, slower, threads = (
        limit.parts(workload, SIZES[workload], dtype)
        for limit in (
            Limit(known, 1),
            Limit(lambda key: 2.0 * known(key), 1),
            Limit(lambda key: 1e-9, 2),
        )
    )
    assert all(value > 0.0 for value in parts.values())
    assert slower == pytest.approx({name: 2.0 * value for name, value in parts.items()})
    one = Limit(lambda key: 1e-9, 1).parts(workload, SIZES[workload], dtype)
    assert threads == pytest.approx({name: value / 2 for name, value in one.items()})


@pytest.mark.parametrize("workload", SIZES)
def test_every_ceiling_is_timed_in_every_sample(
    workload: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = LimitProblem(workload, SIZES[workload], "float32", 2, 1e-4, 1e-4)
    contestant = Contestant(problem)
    assert set(contestant.programs()) == {" ".join(map(str, key)) for key in contestant.keys}
    samples = [contestant.sample(units) for units in (1, 3)]
    parts = contestant.parts()
    for n, (units, (wall, busy)) in enumerate(zip((1, 3), samples, strict=True)):
        assert wall == pytest.approx(units * sum(values[n] for values in parts.values()))
        assert busy > 0.0
    timed: list[Key] = []
    monkeypatch.setattr(
        "benchmarks.limit.contestant.CHOSEN",
        {key: _Recorder(key, timed) for key in contestant.keys},
    )
    contestant.sample(1)
    assert timed == contestant.keys


class _Recorder:
    def __init__(self, key: Key, timed: list[Key]) -> None:
        self.key, self.timed = key, timed

    def sample(self) -> tuple[float, float]:
        self.timed.append(self.key)
        return 1e-9, 1e-9


@pytest.mark.parametrize("key", [("read", 5000, "float64"), ("multiply", "float32"),
                                 ("tanh", "float32"), ("exp", "float64"), ("update", "float64")],
                         ids=str)  # fmt: skip
def test_programs_of_a_ceiling_state_how_much_they_do(key: Key) -> None:
    found = programs(key)
    assert len({program.name for program in found}) == len(found)
    for program in found:
        assert program.amount > 0
        assert program.best(0.0) > 0.0
