"""Several threads train with the bits of one, and stop where one stops."""

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import Hyperparameters, Vocabulary
from torch_impl.fast import Dropout, Training, rules, training
from torch_impl.kernels import threads as threading

V, ITERATIONS = 29, 5
VOCABULARY = Vocabulary([chr(65 + symbol) for symbol in range(V)])
RULES = {
    "notebook": rules.NOTEBOOKS,
    "adagrad": rules.Rule(clip_kind=rules.BY_NORM, clip=1.0, learns_initial_state=True),
    "sgd": rules.Rule(rules.SGD, momentum=0.9, clip_kind=rules.BY_VALUE, clip=0.1),
    "rmsprop": rules.Rule(rules.RMSPROP, clip_kind=rules.BY_NORM, clip=1.0),
    "adam": rules.Rule(rules.ADAM, weight_decay=0.1, learns_initial_state=True),
    "adamw": rules.Rule(rules.ADAMW, weight_decay=0.1, clip_kind=rules.BY_NORM, clip=0.5),
}
MEANS: dict[str, Any] = {"dropout": Dropout(0.4, 0.3, 5), "share": lambda n: 1 / (n + 1)}


@pytest.fixture(autouse=True, scope="module")
def every_size_pays():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "paying_threads", lambda H, T, lanes, most: most)
        yield


def start(threads: int, *, lanes: int = 5, H: int = 21, T: int = 7, **options: Any) -> Training:
    text = np.random.default_rng(1).integers(V, size=lanes * (3 * T + 1))  # it begins anew
    sizes = Hyperparameters(hidden_size=H, seq_length=T, learning_rate=0.05, sample_every=1000)
    options |= {"lanes": lanes, "threads": threads}
    return Training(text, sizes, vocabulary=VOCABULARY, **options)


def state(of: Training) -> list[np.ndarray]:
    optimizer = of.optimizer
    tensors = of.parameters.memory, optimizer.first.memory, optimizer.second.memory, optimizer.steps
    tensors += () if of.average is None else (of.average.memory,)
    numbers = np.array([of.position, of.iteration, of.smooth_loss])
    return [*(tensor.numpy().copy() for tensor in (*tensors, of.hidden_state)), numbers]


def assert_same(a: Training, b: Training) -> None:
    for x, y in zip(state(a), state(b), strict=True):
        np.testing.assert_array_equal(x, y)


@settings(max_examples=30)
@given(
    lanes=st.sampled_from([1, 5, 16, 33]),
    H=st.sampled_from([1, 16, 37, 70, 129]),
    T=st.sampled_from([1, 2, 9, 70]),
    rule=st.sampled_from(list(RULES)),
    clip=st.sampled_from([None, 5.0, 0.05]),
    dtype=st.sampled_from([torch.float32, torch.float64]),
    means=st.sampled_from([{}, MEANS]),
    threads=st.integers(2, 3),
)
def test_the_number_of_threads_changes_no_bit(
    lanes, H, T, rule, clip, dtype, means, threads
) -> None:
    options = {"lanes": lanes, "H": H, "T": T, "rule": RULES[rule], "clip": clip, "dtype": dtype}
    options |= means
    alone, shared = start(1, **options), start(threads, **options)
    assert alone.advance(ITERATIONS) == shared.advance(ITERATIONS)
    assert_same(alone, shared)


def test_threads_stop_together_at_a_loss_that_is_no_number() -> None:
    alone, shared = start(1), start(3)
    for one in (alone, shared):
        one.advance(2)
        one.parameters.bh[3] = np.nan
        with pytest.raises(FloatingPointError, match=r"in iteration 3$"):
            one.advance(9)
    assert_same(alone, shared)


def test_threads_stop_together_at_an_index_outside_the_vocabulary() -> None:
    alone, shared = start(1), start(3)
    for one in (alone, shared):
        one.text[15] = V
        assert len(one.advance(9)) == 2
        with pytest.raises(ValueError, match="got 29 at position 15"):
            one.advance(9)
    assert_same(alone, shared)


def interrupted(*arguments: Any, of: int) -> Any:
    work = next(one for one in arguments if hasattr(one, "team"))
    if work.team.thread == of:
        raise KeyboardInterrupt
    return TRAIN(*arguments)


TRAIN, PAYING_THREADS = training.train, training.paying_threads


@pytest.mark.parametrize("thread", [0, 1, 2])
def test_a_thread_that_never_runs_stops_the_others_before_anything_changes(
    thread: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, shared = start(1), start(3)
    alone.advance(2)
    shared.advance(2)
    with monkeypatch.context() as patch:
        patch.setattr(training, "train", partial(interrupted, of=thread))
        with pytest.raises(KeyboardInterrupt):
            shared.advance(5)
    threading.run_in_threads(lambda thread, threads: None, 3)  # after which the others have ended
    assert_same(alone, shared)
    assert alone.advance(5) == shared.advance(5)
    assert_same(alone, shared)


@given(
    H=st.integers(1, 2000), T=st.integers(1, 200), lanes=st.integers(1, 99), most=st.integers(1, 64)
)
def test_the_sizes_decide_how_many_threads_pay(H: int, T: int, lanes: int, most: int) -> None:
    threads = PAYING_THREADS(H, T, lanes, most)
    assert 1 <= threads <= most
    assert threads == 1 or (H >= 1024 if lanes == 1 else H * H * T * lanes >= 2**23)
    assert PAYING_THREADS(H, T, lanes, 1) == 1
    assert PAYING_THREADS(H, T, lanes + 1, most) >= threads or lanes == 1
