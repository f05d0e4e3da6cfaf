"""A run in its folder: validation that touches nothing, and every way in which it can end."""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from bptt.engines.names import PARAMETER_NAMES
from bptt.runs import checkpoint, digests, results
from bptt.sessions import lifecycle, session
from bptt.sessions.session import Session
from bptt.training.state import to_arrays

from ...kinds import KINDS
from .short_runs import make, said, train


@settings(max_examples=6, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    kind=st.sampled_from([kind for kind in KINDS if "split" not in kind]),
    lanes=st.integers(1, 3),
    every=st.integers(1, 12),
    seed=st.integers(0, 2**32 - 1),
)
def test_training_is_the_same_with_and_without_validation(
    tmp_path_factory, kind: dict, lanes: int, every: int, seed: int
) -> None:
    """Validated at its end alone: the first validation would come after the last iteration."""
    if kind.get("schedule") == "plateau":  # which validation is meant to change
        kind = kind | {"schedule": "constant"}
        kind.pop("plateau_patience", None)
    folder = tmp_path_factory.mktemp("validated")
    given = kind | {"lanes": lanes, "seed": seed, "log_every": 1, "patience": 0}
    often = make(folder, "often", validate_every=every, **given)
    never = make(folder, "never", validate_every=1000, **given)
    assert train(often).progress.best_bits is not None
    assert train(never).progress.best_bits is None
    ours, theirs = to_arrays(often.training), to_arrays(never.training)
    assert ours.keys() == theirs.keys()
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)
    assert said(often.folder) == said(never.folder)


def test_best_is_the_checkpoint_of_the_fewest_bits(tmp_path: Path) -> None:
    run = make(tmp_path, "run", validate_every=3, learning_rate=0.5)
    train(run)
    entries = [json.loads(line) for line in run.folder.log.read_text().splitlines()]
    bits = {entry["iteration"]: entry["validation_bits"] for entry in entries
            if "validation_bits" in entry}  # fmt: skip
    assert list(bits) == [*range(3, 40, 3), 40]
    best, _ = checkpoint.load(run.folder.best, run.config)
    assert best.iteration == min(bits, key=lambda iteration: bits[iteration])
    assert run.texts.validation is not None
    found = results.evaluated(run.folder.load_model(), run.texts.validation, "the text", "numpy")
    assert found.bits_per_character == bits[best.iteration]


@pytest.mark.parametrize("engine", ["numpy", "fast"])
def test_averages_are_what_is_validated_and_published(engine: str, tmp_path: Path) -> None:
    given = {"engine": engine, "validate_every": 10, "checkpoint_every": 10, "optimizer": "adam"}
    averaged = make(tmp_path, "run", average_decay=0.9, learn_initial_state=True, **given)
    train(averaged)
    entries = [json.loads(line) for line in averaged.folder.log.read_text().splitlines()]
    model, published = averaged.folder.load_model(last=True), averaged.training.published
    for value, name in zip(model.parameters, PARAMETER_NAMES, strict=True):
        np.testing.assert_array_equal(value, published[name])
        assert not np.array_equal(value, averaged.training.learned[name])
    np.testing.assert_array_equal(model.initial_state, published["a0"])
    assert model.digest == digests.of_weights(published) == entries[-1]["weights"]
    assert averaged.texts.validation is not None
    found = results.evaluated(model, averaged.texts.validation, "the text", engine)
    assert found.bits_per_character == entries[-1]["validation_bits"]


def test_death_between_the_checkpoint_and_the_best_is_made_good(tmp_path, monkeypatch) -> None:
    given = {"validate_every": 10, "learning_rate": 0.01}
    whole = make(tmp_path, "whole", **given)
    train(whole)
    dying = make(tmp_path, "dying", **given)
    save = checkpoint.save

    def die_before_the_second_best(path: Path, *rest: Any) -> None:
        if path.name == "best.safetensors" and dying.training.iteration == 20:
            raise KeyboardInterrupt
        save(path, *rest)

    monkeypatch.setattr(checkpoint, "save", die_before_the_second_best)
    with pytest.raises(KeyboardInterrupt):
        train(dying)
    monkeypatch.undo()
    header, _ = checkpoint.load(dying.folder.checkpoint, dying.config)
    behind, _ = checkpoint.load(dying.folder.best, dying.config)
    assert (header.iteration, behind.iteration) == (20, 10)
    resumed = lifecycle.restored(dying.folder, None, {"iterations": 21})
    train(resumed)
    best, _ = checkpoint.load(dying.folder.best_before_end, dying.config)
    assert best.iteration == 20 == resumed.progress.best_iteration


@pytest.mark.parametrize("engine", ["numpy", "fast"])
def test_time_budget_ends_the_run_with_everything_saved(engine: str, tmp_path: Path) -> None:
    run = make(
        tmp_path, "run", engine=engine, time_budget=0.3, iterations=10**8, log_every=10**6,
        checkpoint_every=10**6, validate_every=10**6, sample_every=10**6,
    )  # fmt: skip
    begun = time.monotonic()
    lifecycle.train_to_end(run)
    assert time.monotonic() - begun < 20
    outcome = results.read(run.folder.results)
    header, _ = checkpoint.load(run.folder.checkpoint, run.config)
    assert outcome.ended == "the time budget of 0.3 s is used up"
    assert outcome.iterations == header.iteration == run.training.iteration
    assert outcome.characters == 4 * outcome.iterations
    assert outcome.seconds >= 0.3
    again = lifecycle.restored(run.folder, None, {})
    assert train(again).ended == outcome.ended
    assert again.training.iteration == header.iteration
    more = lifecycle.restored(run.folder, None, {"time_budget": outcome.seconds + 0.1})
    train(more)
    assert more.training.iteration > header.iteration


def test_patience_ends_the_run_and_its_results_say_so(tmp_path: Path) -> None:
    run = make(tmp_path, "run", validate_every=1, patience=3, iterations=5000, learning_rate=2.0)
    lifecycle.train_to_end(run)
    outcome = results.read(run.folder.results)
    assert outcome.ended == "no better in 3 validations"
    assert outcome.iterations == outcome.iteration + 3 < 5000
    assert outcome.validation is not None
    assert outcome.test is not None
    header, _ = checkpoint.load(run.folder.checkpoint, run.config)
    assert header.iteration == outcome.iterations


def test_signal_at_any_moment_of_a_turn_ends_with_a_checkpoint_of_the_last_iteration(
    tmp_path: Path, monkeypatch
) -> None:
    """A signal after the question whether to save is answered waits for the next turn."""
    run = make(tmp_path, "run")
    stop = session.StopRequest()
    monkeypatch.setattr(session, "StopRequest", lambda: stop)
    is_over = Session._is_over

    def interrupted_afterwards(self: Session) -> bool:
        answer = is_over(self)
        if run.training.iteration == 9:
            stop.signal = session.signal.SIGINT
        return answer

    monkeypatch.setattr(Session, "_is_over", interrupted_afterwards)
    train(run)
    header, _ = checkpoint.load(run.folder.checkpoint, run.config)
    assert header.iteration == run.training.iteration < 40


def test_compiled_engine_looks_at_the_clock_in_time(tmp_path: Path, monkeypatch) -> None:
    run = make(tmp_path, "run", engine="fast", iterations=10**6, log_every=10**6,
               checkpoint_every=10**6, validate_every=10**6, sample_every=10**6)  # fmt: skip
    made = Session(run.folder, run.config, run.training, run.progress, None)
    taken = [len(made._take()) for _ in range(12)]
    assert taken[:4] == [1, 2, 4, 8]
    assert max(taken) == session.LONGEST_TURN
    monkeypatch.setattr(session, "LONG", 0.0)
    assert [len(made._take()) for _ in range(3)] == [500, 250, 125]
