"""The reference's forward and backward pass."""

from inspect import unwrap

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from reference import (
    backward,
    backward_window,
    forward,
    initialize_parameters,
    softmax,
)

from ..strategies import Case, cases
from . import one_hot

NAMES = ("Whx", "Wha", "Wya", "bh", "by")


@given(cases())
def test_reference_equals_the_one_hot_formulas_bit_by_bit(case: Case) -> None:
    assume(not case.softmax_overflows)
    trace = case.forward()
    gradients = backward(case.parameters, trace, case.clip)
    expected, losses = one_hot.gradients(
        case.parameters, case.inputs, case.targets, case.state, case.clip
    )
    np.testing.assert_array_equal(trace.losses, losses)
    for name, value, right in zip(NAMES, gradients, expected, strict=True):
        np.testing.assert_array_equal(value, right, err_msg=name)


@given(cases(max_scale=5.0))
def test_running_clip_bounds_every_entry_and_none_is_plain(case: Case) -> None:
    trace = case.forward()
    plain = backward(case.parameters, trace, clip=None)
    far = backward(case.parameters, trace, clip=1e300)
    for ours, theirs in zip(plain, far, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    if case.clip is not None:
        for gradient in backward(case.parameters, trace, case.clip):
            assert np.abs(gradient).max() <= case.clip


def test_running_clip_is_neither_the_gradient_nor_its_clip() -> None:
    # By hand: with V = 2 and zero weights each step gives dby = p - onehot(y), so ±0.5. Backward,
    # at clip 0.75: 0.5, then clip(1.0) = 0.75, then 0.25. The sum is 0.5, clipped or not.
    parameters = initialize_parameters(vocab_size=2, hidden_size=1).zeros_like()
    trace = forward(parameters, np.array([0, 0, 0]), np.array([0, 1, 1]), np.zeros((1, 1)))
    assert backward(parameters, trace, clip=0.75).by[0, 0] == 0.25
    assert backward(parameters, trace, clip=None).by[0, 0] == 0.5


@given(cases(max_scale=5.0), st.data())
def test_window_split_in_two_gives_the_same_sums_bit_by_bit(
    case: Case, data: st.DataObject
) -> None:
    assume(case.T > 1)
    cut = data.draw(st.integers(1, case.T - 1), label="cut")
    first = forward(case.parameters, case.inputs[:cut], case.targets[:cut], case.state)
    second = forward(case.parameters, case.inputs[cut:], case.targets[cut:], first.final_state)
    sums = case.parameters.zeros_like()
    signal = np.zeros((case.H, 1))
    for part in (second, first):
        signal = backward_window(case.parameters, sums, part, signal, case.clip)
    whole = backward(case.parameters, case.forward(), case.clip)
    for ours, theirs in zip(sums, whole, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@given(cases(max_scale=5.0))
def test_backward_changes_neither_weights_nor_trace(case: Case) -> None:
    trace = case.forward()
    before = [value.copy() for value in (*case.parameters, trace.states, trace.probabilities)]
    first = backward(case.parameters, trace, case.clip)
    second = backward(case.parameters, trace, case.clip)
    after = (*case.parameters, trace.states, trace.probabilities)
    for ours, theirs in zip((*before, *first), (*after, *second), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_initial_weights_are_drawn_in_the_published_order() -> None:
    parameters = initialize_parameters(vocab_size=3, hidden_size=2, seed=5)
    stream = np.random.RandomState(5).standard_normal(6 + 4 + 6) * 0.01
    np.testing.assert_array_equal(parameters.Whx.ravel(), stream[:6])
    np.testing.assert_array_equal(parameters.Wha.ravel(), stream[6:10])
    np.testing.assert_array_equal(parameters.Wya.ravel(), stream[10:])
    assert not parameters.bh.any()
    assert not parameters.by.any()


@pytest.mark.parametrize("logit", [710.0, -800.0, np.nan, np.inf, -np.inf])
def test_softmax_outside_the_numbers_is_an_error(logit: float) -> None:
    with pytest.raises(FloatingPointError, match="softmax needs logits"):
        softmax(np.full((3, 1), logit))


def test_probability_of_zero_is_an_infinite_loss() -> None:
    parameters = initialize_parameters(vocab_size=2, hidden_size=1).zeros_like()
    parameters.by[:, 0] = [700.0, -700.0]
    trace = forward(parameters, np.array([0]), np.array([1]), np.zeros((1, 1)))
    assert trace.loss == np.inf


@pytest.mark.parametrize(
    ("inputs", "targets", "state_shape", "said"),
    [
        ([0, 1, 7], [1, 2, 0], (4, 1), r"inputs must lie in 0\.\.2 .*got 7 at position 2"),
        ([0, 1, 2], [1, -1, 0], (4, 1), r"targets must lie in 0\.\.2 .*got -1 at position 1"),
        ([0, 1], [1], (4, 1), "of one length of at least 1, got 2 and 1"),
        ([], [], (4, 1), "of one length of at least 1, got 0 and 0"),
        ([0], [1], (3, 1), r"initial_state must be of shape \(4, 1\), got \(3, 1\)"),
        ([0], [1], (4,), r"initial_state must be of shape \(4, 1\), got \(4,\)"),
    ],
)
def test_window_that_does_not_fit_is_an_error(inputs, targets, state_shape, said) -> None:
    parameters = initialize_parameters(vocab_size=3, hidden_size=4)
    with pytest.raises(ValueError, match=said):
        unwrap(forward)(  # past the shape checks, which only tests have
            parameters,
            np.array(inputs, dtype=int),
            np.array(targets, dtype=int),
            np.zeros(state_shape),
        )


@pytest.mark.parametrize("clip", [-1.0, float("nan")])
def test_clip_that_is_no_bound_is_an_error(clip: float) -> None:
    case = Case(2, 2, 2, 0, 1.0, clip, "random", "zero")
    with pytest.raises(ValueError, match="clip must be None or a number of at least 0"):
        backward(case.parameters, case.forward(), clip)
