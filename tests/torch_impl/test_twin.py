"""The PyTorch twin: what tensors bring with them, and its weights elsewhere."""

from inspect import unwrap

import numpy as np
import pytest
import torch
from hypothesis import given
from torch import nn

import reference
import torch_impl
from reference import Hyperparameters, Vocabulary
from torch_impl import checks, convert

from ..engines import tensors
from ..strategies import Case, cases

TEXT = "the quick brown fox jumps over the lazy dog. " * 3
SMALL = Hyperparameters(
    hidden_size=5, seq_length=7, learning_rate=0.1, iterations=6, sample_every=3
)
CASE = Case(4, 3, 5, 0, 0.5, 0.1, "random", "random")


def gradients_of(parameters, inputs, targets, state, clip=0.1) -> list[torch.Tensor]:
    return list(
        torch_impl.backward(
            parameters, torch_impl.forward(parameters, inputs, targets, state), clip
        )
    )


@given(cases())
def test_weights_survive_the_way_from_the_reference_and_back(case: Case) -> None:
    there = convert.from_reference(case.parameters)
    for ours, theirs in zip(convert.to_reference(there), case.parameters, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_weights_survive_the_way_to_modules_and_back(dtype: torch.dtype) -> None:
    parameters = torch_impl.initialize_parameters(vocab_size=4, hidden_size=3, dtype=dtype)
    for ours, theirs in zip(
        convert.from_modules(*convert.to_modules(parameters)), parameters, strict=True
    ):
        assert torch.equal(ours, theirs)


def test_modules_without_biases_and_with_two_convert() -> None:
    bare = convert.from_modules(nn.RNN(4, 3, bias=False), nn.Linear(3, 4, bias=False))
    assert not bare.bh.any()
    assert not bare.by.any()
    rnn = nn.RNN(4, 3)
    both = rnn.state_dict()
    bh = convert.from_modules(rnn, nn.Linear(3, 4)).bh[:, 0]
    assert torch.equal(bh, both["bias_ih_l0"] + both["bias_hh_l0"])


@pytest.mark.parametrize(
    "settings", [{"num_layers": 2}, {"bidirectional": True}, {"nonlinearity": "relu"}], ids=str
)
def test_modules_that_are_another_network_are_an_error(settings: dict) -> None:
    with pytest.raises(ValueError, match="one layer, one direction and tanh, got"):
        convert.from_modules(nn.RNN(4, 3, **settings), nn.Linear(3, 4))


@given(cases(max_scale=5.0))
def test_grad_requiring_and_strided_tensors_work_and_grow_no_graph(case: Case) -> None:
    parameters, inputs, targets, state = tensors(case)
    expected = gradients_of(parameters, inputs, targets, state)

    def strided(value: torch.Tensor) -> torch.Tensor:
        wide = torch.zeros(*value.shape, 2, dtype=value.dtype)
        wide[..., 0] = value
        return wide[..., 0]

    awkward = torch_impl.Parameters(*(strided(value).requires_grad_() for value in parameters))
    trace = torch_impl.forward(awkward, strided(inputs), strided(targets), strided(state))
    computed = torch_impl.backward(awkward, trace, 0.1)
    for ours, theirs in zip(computed, expected, strict=True):
        assert not ours.requires_grad
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-14)
    assert not any(part.requires_grad for part in (trace.states, trace.probabilities, trace.losses))
    moved, plain = awkward.copy(), parameters.copy()
    for weights in (moved, plain):
        for value in weights:
            value.requires_grad_()
        torch_impl.update(weights, computed, weights.zeros_like(), 0.1)
        assert all(value.is_leaf for value in weights)
    for ours, theirs in zip(moved, plain, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode, torch.enable_grad])
def test_training_runs_in_every_grad_mode(mode) -> None:
    with mode():
        run = torch_impl.train(TEXT, SMALL)
    np.testing.assert_array_equal(run.losses, torch_impl.train(TEXT, SMALL).losses)


def test_training_starts_as_the_references() -> None:
    theirs, ours = reference.train(TEXT, SMALL), torch_impl.train(TEXT, SMALL)
    np.testing.assert_allclose(ours.losses, theirs.losses, rtol=1e-9)
    for mine, other in zip(ours.reports, theirs.reports, strict=True):
        assert (mine.iteration, mine.sample) == (other.iteration, other.sample)
        assert mine.smooth_loss == pytest.approx(other.smooth_loss, rel=1e-9)


def test_float32_training_stays_in_float32() -> None:
    run = torch_impl.train(TEXT, SMALL, dtype=torch.float32)
    assert {value.dtype for value in run.parameters} == {torch.float32}


def test_large_logits_do_not_overflow() -> None:
    parameters = torch_impl.initialize_parameters(vocab_size=2, hidden_size=1).zeros_like()
    parameters.by[:, 0] = torch.tensor([5000.0, -5000.0])
    index = torch.tensor([0])
    trace = torch_impl.forward(parameters, index, 1 - index, torch.zeros(1, 1, dtype=torch.float64))
    assert trace.loss.item() == 10000.0
    assert torch_impl.backward(parameters, trace, None).by[:, 0].tolist() == [1.0, -1.0]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("name", ["Whx", "Wha", "Wya", "bh", "by"])
def test_weights_that_are_no_numbers_are_named(name: str, value: float) -> None:
    parameters, inputs, targets, state = tensors(Case(4, 3, 5, 0, 0.5, None, "random", "random"))
    getattr(parameters, name)[1, 0] = value
    with pytest.raises(FloatingPointError, match=rf"{name} must be finite, got .* at \(1, 0\)"):
        torch_impl.forward(parameters, inputs, targets, state)


def test_parameters_that_do_not_belong_together_are_an_error() -> None:
    good = list(torch_impl.initialize_parameters(vocab_size=4, hidden_size=3))

    def make(place: int, value: torch.Tensor) -> None:
        parts = [*good]
        parts[place] = value
        torch_impl.Parameters(*parts)

    with pytest.raises(ValueError, match=r"Wha must be torch.float64 on cpu.*got torch.float32"):
        make(1, good[1].float())
    with pytest.raises(ValueError, match=r"bh must be torch.float64 on cpu.*on meta"):
        make(3, good[3].to("meta"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inputs": torch.tensor([0, 1, 9])}, r"inputs must lie in 0\.\.3 .* got 9 at position 2"),
        ({"targets": torch.tensor([-1, 1, 0])}, r"targets must lie in 0\.\.3 .*-1 at position 0"),
        ({"inputs": torch.tensor([0])}, "of one length of at least 1, got 1 and 3"),
        ({"state": torch.zeros(3, 1)}, "initial_state must be torch.float64.*got torch.float32"),
        ({"inputs": torch.tensor([0.0, 1.0, 2.0])}, "inputs must be integers, got torch.float32"),
        ({"state": torch.zeros(3, dtype=torch.float64)}, r"of shape \(3, 1\), got \(3,\)"),
    ],
)
def test_window_that_does_not_fit_is_an_error(change: dict, said: str) -> None:
    window = {
        "inputs": torch.tensor([0, 1, 2]),
        "targets": torch.tensor([1, 2, 0]),
        "state": torch.zeros(3, 1, dtype=torch.float64),
    }
    window |= change
    with pytest.raises(ValueError, match=said):
        unwrap(checks.check_window)(
            window["inputs"],
            window["targets"],
            window["state"],
            *torch_impl.initialize_parameters(vocab_size=4, hidden_size=3),
        )


def test_sampler_follows_the_references() -> None:
    vocabulary = Vocabulary("abcd")
    parameters = CASE.parameters
    text = reference.generate(parameters, vocabulary, CASE.state, "b", length=30)
    twin = convert.from_reference(parameters)
    state = torch.from_numpy(CASE.state)
    assert torch_impl.generate(twin, vocabulary, state, "b", length=30) == text
    vector = torch.tensor([0.0, 1.0, 0.0, 0.0], dtype=torch.float64)
    assert torch_impl.generate(twin, vocabulary, state, vector, length=30) == text
    rng = np.random.default_rng
    assert torch_impl.generate(twin, vocabulary, state, rng=rng(1)) == reference.generate(
        parameters, vocabulary, CASE.state, rng=rng(1)
    )
