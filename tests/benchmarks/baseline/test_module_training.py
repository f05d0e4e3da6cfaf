"""The PyTorch peer follows the protocol: nn.RNN with autograd against the hand-written twin."""

import math
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import reference
import torch_impl
from benchmarks.baseline.module_training import (
    ADAM,
    NORM,
    OPTIMIZERS,
    STRETCH,
    VALUE,
    Clip,
    ModuleTraining,
    Protocol,
)
from torch_impl.convert import from_reference, to_reference

from ...lockstep import assert_close
from ...strategies import Case, cases

V, H, T = 7, 6, 4
TEXT = np.random.default_rng(5).integers(V, size=60)


def start(scale: float = 0.5) -> reference.Parameters:
    drawn = reference.initialize_parameters(vocab_size=V, hidden_size=H, seed=2)
    return reference.Parameters(*(value / 0.01 * scale for value in drawn))


def training(text: np.ndarray = TEXT, scale: float = 0.5, **changed) -> ModuleTraining:
    settings = {"seq_length": T, "lanes": 1, "learning_rate": lambda iteration: 0.05} | changed
    return ModuleTraining(text, Protocol(**settings), parameters=from_reference(start(scale)))


def plain_gradient(peer: ModuleTraining) -> torch_impl.Parameters:
    """Return the gradient of the next window, computed by the twin, summed over the lanes."""
    position, state = peer.position, peer.hidden_state[0].T
    if position + T + 1 > len(peer.text):
        position, state = 0, torch.zeros_like(state)
    parameters = peer.parameters
    total = parameters.zeros_like()
    window = peer.text[position : position + T + 1]
    for lane in range(window.shape[1]):
        trace = torch_impl.forward(
            parameters, window[:-1, lane], window[1:, lane], state[:, lane : lane + 1]
        )
        for sums, gradient in zip(total, torch_impl.backward(parameters, trace, None), strict=True):
            sums += gradient
    return total


def own_gradient(peer: ModuleTraining) -> list[torch.Tensor]:
    """Return the peer's gradients of the last iteration, in the twin's shapes."""
    Whx, Wha, bh, Wya, by = peer.trained
    gradients = []
    for tensor in (Whx, Wha, Wya, bh, by):
        assert tensor.grad is not None
        gradients.append(tensor.grad if tensor.ndim == 2 else tensor.grad[:, None])
    return gradients


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_gradient_equals_the_hand_written_one_in_every_iteration(
    lanes: int, optimizer: str
) -> None:
    peer = training(lanes=lanes, optimizer=optimizer)
    for _ in range(30):  # the lanes begin again several times
        expected = plain_gradient(peer)
        peer.step()
        assert_close(got=own_gradient(peer), expected=expected, relative=1e-12)


def test_one_lane_with_adagrad_is_the_references_training() -> None:
    vocabulary = reference.Vocabulary("abcdefg")
    hyperparameters = reference.Hyperparameters(hidden_size=H, seq_length=T, iterations=40)
    ours = reference.Training(
        TEXT, hyperparameters, vocabulary=vocabulary, parameters=start(0.01), clip=None
    )
    peer = training(scale=0.01)
    for step in islice(peer, 40):
        expected = ours.step()
        assert step.iteration == expected.iteration
        assert step.loss == pytest.approx(expected.loss, rel=1e-10)
        assert peer.position == ours.position
    assert_close(got=to_reference(peer.parameters), expected=ours.parameters, relative=1e-9)


@pytest.mark.parametrize("lanes", [1, 3])
def test_lanes_read_their_own_sections_in_order(lanes: int) -> None:
    peer = training(text=np.arange(61) % V, lanes=lanes)
    section = 61 // lanes
    for lane in range(lanes):
        expected = np.arange(61)[lane * section : (lane + 1) * section] % V
        np.testing.assert_array_equal(peer.text[:, lane], expected)


@given(bound=st.sampled_from([1e-3, 0.1, 1.0, 100.0]), kind=st.sampled_from([VALUE, NORM]))
@settings(max_examples=20)
def test_clip_is_of_the_whole_gradient(bound: float, kind: str) -> None:
    peer = training(lanes=2, clip=Clip(kind, bound))
    gradients = list(plain_gradient(peer))
    peer.step()
    if kind == VALUE:
        expected = [gradient.clamp(-bound, bound) for gradient in gradients]
    else:
        norm = math.sqrt(sum(float((gradient**2).sum()) for gradient in gradients))
        expected = [gradient * min(1.0, bound / (norm + 1e-6)) for gradient in gradients]
    assert_close(got=own_gradient(peer), expected=expected, relative=1e-12)


def test_adam_steps_as_its_paper_says_at_the_scheduled_rate() -> None:
    def rate(iteration: int) -> float:
        return 0.01 / iteration

    peer = training(optimizer=ADAM, learning_rate=rate)
    means, squares = ([torch.zeros_like(value) for value in peer.parameters] for _ in range(2))
    for t in range(1, 6):
        expected = list(peer.parameters)
        peer.step()
        for value, gradient, m, v in zip(expected, own_gradient(peer), means, squares, strict=True):
            m.mul_(0.9).add_(0.1 * gradient)
            v.mul_(0.999).add_(0.001 * gradient**2)
            value -= rate(t) * (m / (1 - 0.9**t)) / (torch.sqrt(v / (1 - 0.999**t)) + 1e-8)
        assert_close(got=peer.parameters, expected=expected, relative=1e-12)


def test_adagrad_follows_the_scheduled_rate() -> None:
    rates = [0.3, 0.02, 0.0]
    peer = training(learning_rate=lambda iteration: rates[iteration - 1])
    sums = peer.parameters.zeros_like()
    for rate in rates:
        expected = peer.parameters
        peer.step()
        gradients = torch_impl.Gradients(*own_gradient(peer))
        torch_impl.adagrad.update(expected, gradients, sums, rate)
        assert_close(got=peer.parameters, expected=expected, relative=1e-12)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_second_hidden_bias_stays_zero(optimizer: str) -> None:
    peer = training(optimizer=optimizer)
    for _ in islice(peer, 5):
        assert not peer.rnn.state_dict()["bias_hh_l0"].any()
    assert peer.rnn.state_dict()["bias_ih_l0"].all()


@given(cases(max_scale=5.0))
def test_evaluation_equals_a_forward_pass_of_the_reference(case: Case) -> None:
    assume(not case.softmax_overflows)
    text = np.append(case.inputs, case.targets[-1])
    zero = np.zeros((case.H, 1))
    trace = reference.forward(case.parameters, text[:-1], text[1:], zero)
    protocol = Protocol(seq_length=1, lanes=2, learning_rate=lambda iteration: 0.1)
    peer = ModuleTraining(
        np.zeros(4, np.uint8), protocol, parameters=from_reference(case.parameters)
    )
    expected = float(trace.loss) / case.T / math.log(2)
    assert peer.evaluate(text) == pytest.approx(expected, rel=1e-10, abs=1e-10)


def test_evaluation_carries_the_state_over_its_stretches() -> None:
    text = np.random.default_rng(6).integers(V, size=2 * STRETCH + 7)
    trace = reference.forward(start(), text[:-1], text[1:], np.zeros((H, 1)))
    expected = float(trace.loss) / (len(text) - 1) / math.log(2)
    assert training().evaluate(text.astype(np.uint8)) == pytest.approx(expected, rel=1e-10)


def test_evaluation_leaves_the_training_as_it_was() -> None:
    left, right = training(lanes=2, optimizer=ADAM), training(lanes=2, optimizer=ADAM)
    for _ in range(12):
        right.evaluate(TEXT[::-1].copy())
        assert left.step().loss == right.step().loss
    for a, b in zip(left.parameters, right.parameters, strict=True):
        assert torch.equal(a, b)
    fresh = ModuleTraining(TEXT, right.protocol, parameters=right.parameters)
    assert right.evaluate(TEXT) == fresh.evaluate(TEXT)


def test_characters_and_seconds_add_up_over_training_alone() -> None:
    peer = training(lanes=3)
    first, second = islice(peer, 2)
    assert (first.characters, second.characters) == (3 * T, 6 * T)
    assert 0 < first.seconds < second.seconds
    spent = second.seconds
    peer.evaluate(np.resize(TEXT, 20_000))
    assert peer.seconds == spent
    assert second.characters_per_second == second.characters / spent


def test_float32_is_trained_in_float32() -> None:
    parameters = from_reference(start(), dtype=torch.float32)
    protocol = Protocol(seq_length=T, lanes=2, learning_rate=lambda iteration: 0.1)
    peer = ModuleTraining(TEXT, protocol, parameters=parameters)
    peer.step()
    assert peer.parameters.Whx.dtype == peer.hidden_state.dtype == torch.float32
    assert peer.evaluate(TEXT) > 0


def test_overflow_is_reported_before_the_weights_change() -> None:
    parameters = from_reference(start())
    parameters.Wya.fill_(math.inf)
    protocol = Protocol(seq_length=T, lanes=1, learning_rate=lambda iteration: 0.1)
    peer = ModuleTraining(TEXT, protocol, parameters=parameters)
    with pytest.raises(FloatingPointError, match="loss must be a finite number"):
        peer.step()
    assert torch.equal(peer.parameters.Whx, parameters.Whx)
    assert peer.iteration == 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: training(lanes=13), "at least 5 characters .* got 4"),
        (lambda: training(lanes=0), "lanes must be at least 1, got 0"),
        (lambda: training(seq_length=0), "seq_length must be at least 1, got 0"),
        (lambda: training(optimizer="sgd"), "one of adagrad, adam, rmsprop, got 'sgd'"),
        (lambda: training(clip=Clip("running", 5.0)), "value or norm, got 'running'"),
        (lambda: training(clip=Clip(NORM, math.nan)), "at least 0, got nan"),
        (lambda: training(text=TEXT + 1), "0..6 .* got 7 at position"),
        (lambda: training().evaluate(TEXT - 1), "got -1 at position"),
        (lambda: training().evaluate(TEXT[:1]), "at least 2 characters, got 1"),
    ],
)
def test_what_cannot_be_trained_is_refused(call, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
