"""The reference's training loop and Adagrad."""

import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reference import (
    Hyperparameters,
    Training,
    Vocabulary,
    backward,
    forward,
    generate,
    initialize_parameters,
    train,
    update,
)

TEXT = "the quick brown fox jumps over the lazy dog. " * 3


def small(**changes) -> Hyperparameters:
    settings = {
        "hidden_size": 5,
        "seq_length": 7,
        "learning_rate": 0.1,
        "iterations": 40,
        "sample_every": 10,
    }
    return Hyperparameters(**(settings | changes))


def start(text: str, hyperparameters: Hyperparameters, **more) -> Training:
    vocabulary = Vocabulary.from_text(text)
    return Training(vocabulary.encode(text), hyperparameters, vocabulary=vocabulary, **more)


def assert_same_standing(ours: Training, theirs: Training) -> None:
    for a, b in zip(
        (*ours.parameters, *ours.accumulators, ours.hidden_state),
        (*theirs.parameters, *theirs.accumulators, theirs.hidden_state),
        strict=True,
    ):
        np.testing.assert_array_equal(a, b)
    assert (ours.position, ours.iteration, ours.smooth_loss) == (
        theirs.position,
        theirs.iteration,
        theirs.smooth_loss,
    )


@settings(max_examples=30)
@given(length=st.integers(2, 60), window=st.integers(1, 12), iterations=st.integers(1, 30))
def test_every_window_follows_the_last_and_the_end_wraps_to_a_zero_state(
    length: int, window: int, iterations: int
) -> None:
    text = "".join(chr(97 + index % 26) for index in range(length))
    if length < window + 1:
        return
    training = start(text, small(seq_length=window, iterations=iterations))
    position, state = 0, np.zeros((5, 1))
    for _ in range(iterations):
        if length - position < window + 1:
            position, state = 0, np.zeros((5, 1))
        indices = training.text[position : position + window + 1]
        trace = forward(training.parameters.copy(), indices[:-1], indices[1:], state)
        step = training.step()
        assert step.loss == trace.loss
        position, state = position + window, trace.final_state
        assert training.position == position
        np.testing.assert_array_equal(training.hidden_state, state)


def test_one_iteration_is_forward_backward_update() -> None:
    training = start(TEXT, small(), clip=0.05)
    parameters, sums = training.parameters.copy(), training.accumulators.copy()
    trace = forward(parameters, training.text[:7], training.text[1:8], np.zeros((5, 1)))
    update(parameters, backward(parameters, trace, 0.05), sums, 0.1)
    training.step()
    for ours, theirs in zip(
        (*training.parameters, *training.accumulators), (*parameters, *sums), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)


def test_smoothed_loss_starts_at_chance_and_is_reported_before_the_window_counts() -> None:
    run = train(TEXT, small(sample_every=1))
    smooth = 7 * math.log(len(set(TEXT)))
    for step, loss in zip(run.reports, run.losses, strict=True):
        assert step.smooth_loss == pytest.approx(smooth, rel=1e-14)
        smooth = 0.999 * smooth + 0.001 * loss


def test_reports_come_first_and_then_regularly() -> None:
    run = train(TEXT, small(iterations=35))
    assert [report.iteration for report in run.reports] == [1, 10, 20, 30]
    assert len(run.losses) == 35


def test_sample_is_written_by_the_weights_before_the_update() -> None:
    training = start(TEXT, small())
    before = training.parameters.copy()
    trace = forward(before, training.text[:7], training.text[1:8], np.zeros((5, 1)))
    last = training.vocabulary.symbols[training.text[6]]
    expected = generate(before, training.vocabulary, trace.final_state, last)
    assert training.step().sample == expected
    assert training.step().sample is None


@settings(max_examples=12)
@given(stop=st.integers(0, 40), clip=st.sampled_from([None, 5.0, 0.01]))
def test_training_goes_on_bit_by_bit_from_its_attributes(stop: int, clip: float | None) -> None:
    whole = start(TEXT, small(), clip=clip)
    list(whole)
    first = start(TEXT, small(), clip=clip)
    for _ in range(stop):
        first.step()
    second = start(TEXT, small(), clip=clip, seed=99)
    for name in (
        "parameters",
        "accumulators",
        "hidden_state",
        "position",
        "iteration",
        "smooth_loss",
    ):
        setattr(second, name, getattr(first, name))
    list(second)
    assert_same_standing(second, whole)


def test_warm_start_leaves_the_given_parameters_alone() -> None:
    given = initialize_parameters(vocab_size=len(set(TEXT)), hidden_size=5, seed=3)
    kept = given.copy()
    run = train(TEXT, small(), seed=1, parameters=given)
    same = train(TEXT, small(), seed=3)
    for a, b, c, d in zip(given, kept, run.parameters, same.parameters, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(c, d)


def test_learning_beats_guessing() -> None:
    run = train(TEXT, small(hidden_size=30, iterations=600))
    assert np.mean(run.losses[-50:]) < 0.3 * np.mean(run.losses[:50])


def test_one_symbol_text_has_no_loss_and_trains() -> None:
    run = train("aaaaaaaaa", small())
    assert run.losses == [0.0] * 40


def test_memory_does_not_grow_with_the_vocabulary() -> None:
    def peak(text: str) -> int:
        tracemalloc.start()
        start(text, small(iterations=1)).step()
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    few, many = "ab" * 50_000, "".join(chr(48 + i % 500) for i in range(100_000))
    assert peak(many) < peak(few) + 2_000_000  # one-hot, the text alone would take 400 MB


def test_adagrad_divides_by_the_root_of_all_past_squares() -> None:
    parameters = initialize_parameters(vocab_size=2, hidden_size=1).zeros_like()
    gradients, sums = parameters.copy(), parameters.copy()
    gradients.by[:, 0] = [3.0, 0.0]
    update(parameters, gradients, sums, 0.1)
    gradients.by[:, 0] = [-4.0, 0.0]
    update(parameters, gradients, sums, 0.1)
    assert parameters.by[0, 0] == pytest.approx(-0.1 * 3 / 3 + 0.1 * 4 / 5, rel=1e-8)
    assert parameters.by[1, 0] == 0.0
    assert sums.by[0, 0] == 25.0


def test_breakdown_stops_before_anything_changes() -> None:
    training = start(TEXT, small(learning_rate=1e6))
    kept, iteration = training.parameters.copy(), 0

    def go_on_remembering() -> None:
        nonlocal kept, iteration
        for _ in range(100):
            kept, iteration = training.parameters.copy(), training.iteration
            training.step()

    with pytest.raises(FloatingPointError):
        go_on_remembering()
    for ours, theirs in zip(training.parameters, kept, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert training.iteration == iteration


def test_infinite_loss_is_an_error() -> None:
    training = start("abab", small(seq_length=2))
    training.parameters.by[:, 0] = [700.0, -700.0]
    with pytest.raises(FloatingPointError, match="finite number, got inf"):
        training.step()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hidden_size": 0}, "hidden_size must be at least 1, got 0"),
        ({"seq_length": -3}, "seq_length must be at least 1, got -3"),
        ({"iterations": 0}, "iterations must be at least 1, got 0"),
        ({"sample_every": 0}, "sample_every must be at least 1, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be a positive finite number, got 0.0"),
        ({"learning_rate": math.nan}, "got nan"),
        ({"learning_rate": math.inf}, "got inf"),
    ],
)
def test_hyperparameters_out_of_range_are_an_error(changes: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        small(**changes)


def test_text_shorter_than_a_window_and_its_target_is_an_error() -> None:
    start("abcdefgh", small())
    with pytest.raises(ValueError, match=r"at least 8 characters .*, got 7"):
        start("abcdefg", small())


def test_parameters_of_another_shape_are_an_error() -> None:
    other = initialize_parameters(vocab_size=4, hidden_size=5)
    with pytest.raises(ValueError, match="must fit 5 hidden units and 2 symbols"):
        start("ab" * 9, small(), parameters=other)
