"""The compiled engine's own loop: torch.optim in lockstep, and the loop from parts bit for bit."""

from typing import Any

import numpy as np
import pytest
import torch

from bptt.engines.registry import gradient_engine
from bptt.settings import Settings
from bptt.training import start as beginning
from bptt.training.compiled import CompiledTraining
from bptt.training.loop import TrainingLoop
from bptt.training.start import initial_parameters
from bptt.training.state import put_arrays, to_arrays
from reference import Vocabulary

TEXT = "the quick brown fox jumps over the lazy dog, and back again; then he sleeps. " * 3
VOCABULARY = Vocabulary.from_text(TEXT)
INDICES = VOCABULARY.encode(TEXT)

RULES: list[dict[str, Any]] = [
    {"optimizer": "adagrad", "clip": 0.3},
    {"optimizer": "sgd", "weight_decay": 0.1, "clip_kind": "norm", "clip": 0.5},
    {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.1, "clip_kind": "value", "clip": 0.1},
    {"optimizer": "rmsprop", "weight_decay": 0.1, "clip": None},
    {"optimizer": "adam", "weight_decay": 0.1, "clip": 0.3},
    {"optimizer": "adamw", "weight_decay": 0.1, "clip_kind": "norm", "clip": 0.5},
]
MEANS: dict[str, Any] = {"output_dropout": 0.3, "recurrent_dropout": 0.4, "average_decay": 0.7}
SCHEDULES: list[dict[str, Any]] = [{}, {"schedule": "cosine", "warmup": 5, "final_share": 0.1}]


def settings_of(**given: Any) -> Settings:
    plain = {"hidden_size": 13, "seq_length": 7, "iterations": 24, "initialization": "glorot"}
    return Settings.model_validate(plain | {"learning_rate": 0.02, "sample_every": 10} | given)


def start(engine: str, loop: bool, **given: Any) -> TrainingLoop | CompiledTraining:
    chosen = settings_of(engine=engine, **given)
    weights = initial_parameters(chosen, len(VOCABULARY))
    if not loop:
        return CompiledTraining(INDICES, chosen, vocabulary=VOCABULARY, parameters=weights)
    made = gradient_engine(chosen, weights)
    return TrainingLoop(INDICES, chosen, vocabulary=VOCABULARY, engine=made)


@pytest.mark.parametrize(
    ("dtype", "lanes", "learn"),
    [("float64", 1, True), ("float64", 5, True), ("float64", 5, False), ("float32", 5, True)],
)
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule['optimizer']}-{rule['clip']}")
def test_every_rule_is_torchs_in_lockstep(rule, learn, lanes, dtype) -> None:
    """From the same state each iteration, since training is chaotic."""
    given = {**rule, **SCHEDULES[lanes > 1], "learn_initial_state": learn, "lanes": lanes}
    given["average_decay"] = 0.7
    ours = start("fast", False, dtype=dtype, **given)
    theirs = start("torch", True, dtype=dtype, **given)
    unit = 1e-11 if dtype == "float64" else 2e-3
    moved = 0.0
    for _ in range(24):
        put_arrays(ours, to_arrays(theirs))
        ours.position, ours.iteration = theirs.position, theirs.iteration
        before = to_arrays(theirs)
        expected, got = theirs.step(), ours.step()
        assert got.loss == pytest.approx(expected.loss, rel=unit)
        after, found = to_arrays(theirs), to_arrays(ours)
        assert after.keys() == found.keys()
        for name, value in after.items():
            change, error = np.abs(value - before[name]).max(), np.abs(found[name] - value).max()
            assert error <= unit * (1e-6 + np.abs(value).max()), name
            moved += float(change)
        assert ours.position == theirs.position
    assert moved > 0.1


@pytest.mark.parametrize(
    ("dtype", "lanes", "learn"),
    [("float64", 1, True), ("float64", 5, True), ("float64", 5, False), ("float32", 5, True)],
)
@pytest.mark.parametrize("means", [{}, MEANS], ids=["plain", "means"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule['optimizer']}-{rule['clip']}")
def test_own_loop_gives_the_bits_of_the_loop_from_parts(rule, means, learn, lanes, dtype) -> None:
    given = {**rule, **SCHEDULES[lanes == 1], "learn_initial_state": learn, "lanes": lanes, **means}
    whole, parts = (start("fast", loop, dtype=dtype, **given) for loop in (False, True))
    steps = whole.advance(1) + whole.advance(16) + whole.advance(7)
    assert steps == list(parts)
    found, expected = to_arrays(whole), to_arrays(parts)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, name)
    assert (whole.position, whole.smooth_loss) == (parts.position, parts.smooth_loss)


def test_rate_of_a_plateau_is_read_again_after_each_validation() -> None:
    training = start("fast", False, optimizer="sgd", schedule="plateau", plateau_factor=0.5)
    training.advance(1)
    training.progress = training.progress.model_copy(update={"reductions": 3})
    before = training.learned["Wya"].clone()
    twin = start("fast", False, optimizer="sgd", learning_rate=0.02 / 8)
    put_arrays(twin, to_arrays(training))
    twin.position, twin.iteration = training.position, training.iteration
    training.advance(1)
    twin.advance(1)
    assert torch.equal(training.learned["Wya"], twin.learned["Wya"])
    assert not torch.equal(training.learned["Wya"], before)


def test_every_training_of_a_process_may_take_the_threads_that_torch_had_at_first() -> None:
    sizes = {"lanes": 16, "hidden_size": 280, "engine": "fast"}
    beginning._threads.cache_clear()
    torch.set_num_threads(2)
    for _ in range(2):
        training = beginning.start(settings_of(**sizes), INDICES, VOCABULARY)
        assert isinstance(training, CompiledTraining)
        assert len(training._works) == 2
        assert torch.get_num_threads() == 1
    beginning._threads.cache_clear()
