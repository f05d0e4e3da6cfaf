"""The compiled training loop compared with the reference's, iteration by iteration."""

import numpy as np
import pytest
import torch

import reference
from reference import Hyperparameters, Parameters, Vocabulary
from torch_impl.fast import Training, differentiate_window

from ...lockstep import assert_close

TEXT = "the quick brown fox jumps over the lazy dog, and back again; then he sleeps. " * 9
VOCABULARY = Vocabulary.from_text(TEXT)


def hyperparameters(**changes) -> Hyperparameters:
    values = {"hidden_size": 21, "seq_length": 7, "iterations": 40, "sample_every": 10}
    return Hyperparameters(**(values | changes))


def start(**options) -> Training:
    settings = options.pop("hyperparameters", hyperparameters())
    return Training(VOCABULARY.encode(TEXT), settings, vocabulary=VOCABULARY, **options)


@pytest.mark.parametrize("clip", [5.0, 0.05, None])
@pytest.mark.parametrize("sizes", [(21, 7), (150, 35)])
def test_150_iterations_in_lockstep_with_the_reference(
    sizes: tuple[int, int], clip: float | None
) -> None:
    """Training is chaotic, so each iteration starts from the reference's state."""
    settings = hyperparameters(hidden_size=sizes[0], seq_length=sizes[1], sample_every=1000)
    right = reference.Training(VOCABULARY.encode(TEXT), settings, vocabulary=VOCABULARY, clip=clip)
    ours = start(hyperparameters=settings, clip=clip)
    rewound = 0
    for _ in range(150):
        ours.parameters, ours.accumulators = right.parameters, right.accumulators
        ours.hidden_state, ours.position = right.hidden_state, right.position
        ours.smooth_loss = right.smooth_loss
        rewound += right.position + sizes[1] + 1 > len(TEXT)
        expected, got = right.step(), ours.step()
        assert got.loss == pytest.approx(expected.loss, rel=1e-13)
        assert got.smooth_loss == expected.smooth_loss
        assert ours.smooth_loss == pytest.approx(right.smooth_loss, rel=1e-13)
        assert (got.iteration, ours.position) == (expected.iteration, right.position)
        np.testing.assert_allclose(ours.hidden_state, right.hidden_state, rtol=0, atol=1e-12)
        assert_close(got=ours.parameters, expected=right.parameters, relative=1e-12)
        assert_close(got=ours.accumulators, expected=right.accumulators, relative=1e-11)
    assert rewound


def test_first_steps_and_their_samples_are_the_references() -> None:
    settings = hyperparameters(sample_every=4, iterations=9)
    right = list(reference.Training(VOCABULARY.encode(TEXT), settings, vocabulary=VOCABULARY))
    for step, expected in zip(start(hyperparameters=settings), right, strict=True):
        assert step.loss == pytest.approx(expected.loss, rel=1e-9)
        assert step.sample == expected.sample


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_many_iterations_a_call_equal_one_a_call(lanes: int, dtype: torch.dtype) -> None:
    one, many = start(lanes=lanes, dtype=dtype), start(lanes=lanes, dtype=dtype)
    assert list(one) == many.advance(3) + many.advance(25) + many.advance(12)
    for a, b in zip(one.parameters, many.parameters, strict=True):
        assert torch.equal(a, b)
    assert torch.equal(one.hidden_state, many.hidden_state)
    assert (one.position, one.smooth_loss) == (many.position, many.smooth_loss)


def test_a_run_goes_on_bit_for_bit_from_its_attributes() -> None:
    whole, first, second = start(), start(), start(seed=2)
    steps = whole.advance(30)
    first.advance(17)
    second.parameters = [value.numpy().copy() for value in first.parameters]
    second.accumulators, second.hidden_state = first.accumulators, first.hidden_state
    second.position, second.iteration = first.position, first.iteration
    second.smooth_loss = first.smooth_loss
    assert second.advance(13) == steps[17:]


def test_each_lane_reads_its_own_section() -> None:
    lanes, T = 3, 7
    training = start(lanes=lanes)
    text, section = VOCABULARY.encode(TEXT), len(TEXT) // lanes
    windows = np.stack([text[b * section : b * section + T + 1] for b in range(lanes)], axis=1)
    zero = np.zeros((21, lanes))
    expected = differentiate_window(training.parameters, windows[:-1], windows[1:], zero)
    step = training.step()
    assert step.loss == pytest.approx(expected.loss, rel=1e-13)
    assert step.smooth_loss == pytest.approx(lanes * T * np.log(len(VOCABULARY)))
    np.testing.assert_allclose(training.hidden_state, expected.final_state, atol=1e-13)
    squares = [np.asarray(gradient) ** 2 for gradient in expected.gradients]
    assert_close(got=training.accumulators, expected=squares, relative=1e-12)


def test_loss_that_is_no_number_stops_at_the_iteration_and_keeps_what_was_before() -> None:
    settings = hyperparameters(learning_rate=1e308)
    training, twin = start(hyperparameters=settings), start(hyperparameters=settings)
    steps = training.advance(40)
    assert 0 < len(steps) < 40
    assert [twin.step() for _ in steps] == steps
    before = [value.clone() for value in (*twin.parameters, *twin.accumulators, twin.hidden_state)]
    standing = (twin.position, twin.iteration, twin.smooth_loss)
    for broken in (training, twin):
        with pytest.raises(FloatingPointError, match=f"finite .* in iteration {len(steps) + 1}$"):
            broken.step()
        now = (*broken.parameters, *broken.accumulators, broken.hidden_state)
        for a, b in zip(now, before, strict=True):
            torch.testing.assert_close(a, b, rtol=0, atol=0, equal_nan=True)
        assert (broken.position, broken.iteration, broken.smooth_loss) == standing


def test_nan_weights_raise_at_once() -> None:
    training = start(parameters=Parameters(*(np.full(p.shape, np.nan) for p in start().parameters)))
    with pytest.raises(FloatingPointError, match="got nan in iteration 1"):
        training.advance(5)
    assert training.iteration == 0


def test_text_changed_behind_the_engine_is_caught_by_the_kernel() -> None:
    training = start()
    training.text[20] = len(VOCABULARY)
    steps = training.advance(10)
    assert len(steps) == 2  # the third window reads 14..21
    with pytest.raises(ValueError, match=r"text must lie in .* at position 20$"):
        training.step()


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"lanes": 0}, ValueError, "lanes must be at least 1, got 0"),
        ({"lanes": 200}, ValueError, "at least 8 characters for each of 200 lanes"),
        ({"clip": -1.0}, ValueError, "clip must be None or a number of at least 0"),
        ({"dtype": torch.float16}, TypeError, "torch.float32 or torch.float64, got torch.float16"),
        ({"parameters": [np.zeros((2, 2))] * 5}, ValueError, "expected Whx of shape"),
        ({"parameters": [np.zeros((2, 2))] * 4}, ValueError, "the five of Whx"),
    ],
)
def test_bad_options_are_named(options: dict, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        start(**options)


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        (np.array([0, 1, 999] * 9), ValueError, "text must lie in .* got 999 at position 2"),
        (np.array([0.5] * 9), TypeError, "text must be whole numbers, got float64"),
        (np.array([0] * 7), ValueError, "at least 8 characters"),
        (np.zeros((8, 8), int), ValueError, r"one dimension, got shape \(8, 8\)"),
    ],
)
def test_bad_texts_are_named(text: np.ndarray, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Training(text, hyperparameters(), vocabulary=VOCABULARY)
