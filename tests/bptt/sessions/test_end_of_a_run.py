"""The end of a run: validated, shown, and no hindrance to going on."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bptt.errors import InputError
from bptt.runs import checkpoint, results
from bptt.runs.folder import RunFolder
from bptt.sessions import lifecycle, session
from bptt.sessions.session import Session
from bptt.training.sampling import Choice, write

from .short_runs import make, train


def content(folder: RunFolder) -> dict[str, object]:
    """Return the contents of all files of a run, without the times in them."""
    found: dict[str, object] = {
        path.name: path.read_bytes()
        for path in folder.path.iterdir()
        if path.name not in (".lock", "log.csv")
    }
    found["log.jsonl"] = [entry | {"seconds": 0} for entry in entries_of(folder)]
    found["results.json"] = json.loads(folder.results.read_text()) | {"seconds": 0}
    found["card.md"] = re.sub(r"[0-9.,]+ s\.", "", folder.card.read_text())
    return found


def entries_of(folder: RunFolder) -> list[dict[str, Any]]:
    return [json.loads(line) for line in folder.log.read_text().splitlines()]


# Rates at which the end is the best of all, and at which a validation before it is.
@pytest.mark.parametrize("learning_rate", [0.01, 2.0])
@pytest.mark.parametrize("kind", [{}, {"schedule": "plateau", "plateau_patience": 0}])
@pytest.mark.parametrize("every", [10, 1000])
def test_run_that_goes_on_beyond_its_end_ends_as_one_that_never_ended(
    every: int, kind: dict, learning_rate: float, tmp_path: Path
) -> None:
    given = {"validate_every": every, "log_every": 4, "checkpoint_every": 7} | kind
    given |= {"learning_rate": learning_rate, "iterations": 45}
    whole = make(tmp_path, "whole", **given)
    lifecycle.train_to_end(whole)
    run = make(tmp_path, "run", **given | {"iterations": 19})
    lifecycle.train_to_end(run)
    lifecycle.resume(run.folder.path, None, {})  # finished: nothing changes
    assert entries_of(run.folder)[-1]["validation_bits"] is not None
    for further in (28, 33, 45):
        lifecycle.resume(run.folder.path, None, {"iterations": further})
    assert content(run.folder) == content(whole.folder)


def test_end_between_two_validations_is_validated_and_its_figures_are_the_runs(
    tmp_path: Path,
) -> None:
    run = make(tmp_path, "run", validate_every=15, iterations=44, learning_rate=0.01)
    lifecycle.train_to_end(run)
    outcome = results.read(run.folder.results)
    validated = {one["iteration"]: one["validation_bits"] for one in entries_of(run.folder)
                 if "validation_bits" in one}  # fmt: skip
    assert list(validated) == [15, 30, 44]
    assert outcome.validation is not None
    assert outcome.iteration == 44 == run.folder.load_model().iteration
    assert outcome.validation.bits_per_character == validated[44] == min(validated.values())
    last, _ = checkpoint.load(run.folder.checkpoint, run.config)
    assert last.progress.best_iteration == 30


def test_end_that_is_not_the_best_leaves_the_best(tmp_path: Path, monkeypatch) -> None:
    run = make(tmp_path, "run", validate_every=15, iterations=44, learning_rate=0.01)
    evaluate = session.evaluate

    def worse_at_the_end(*given: Any, **named: Any) -> Any:
        found = evaluate(*given, **named)
        worse = {"bits_per_character": found.bits_per_character + 9}
        return found.model_copy(update=worse) if run.training.iteration == 44 else found

    monkeypatch.setattr(session, "evaluate", worse_at_the_end)
    train(run)
    best, _ = checkpoint.load(run.folder.best, run.config)
    assert best.iteration == 30
    assert not run.folder.best_before_end.exists()


def test_damaged_checkpoint_leaves_the_best_weights_to_start_from(tmp_path: Path) -> None:
    run = make(tmp_path, "run", validate_every=15, iterations=44)
    train(run)
    run.folder.checkpoint.write_bytes(b"")
    with pytest.raises(InputError, match=r"damaged .* --init-from .*best\.safetensors"):
        lifecycle.resume(run.folder.path, None, {})


@pytest.mark.parametrize("dies_at", ["rename", "save"])
def test_death_while_the_end_becomes_the_best_is_made_good(
    dies_at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"validate_every": 15, "iterations": 44, "learning_rate": 0.01}
    whole = make(tmp_path, "whole", **given)
    lifecycle.train_to_end(whole)
    run = make(tmp_path, "run", **given)
    save_end = Session._save_end

    def die(self: Session, *_: Any) -> None:
        raise KeyboardInterrupt

    def die_while_saving(self: Session, evaluation: Any) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Session, "_save", die)
            save_end(self, evaluation)

    monkeypatch.setattr(Session, "_save_end", die if dies_at == "rename" else die_while_saving)
    with pytest.raises(KeyboardInterrupt):
        lifecycle.train_to_end(run)
    monkeypatch.undo()
    lifecycle.resume(run.folder.path, None, {})
    assert content(run.folder) == content(whole.folder)


def test_stopped_run_that_is_made_to_end_where_it_stands_is_validated(tmp_path: Path) -> None:
    run = make(tmp_path, "run", validate_every=15, iterations=44, learning_rate=0.01)
    for _ in range(22):
        run.training.step()
    checkpoint.save(run.folder.checkpoint, run.training, run.progress, run.config.corpus.sha256)
    lifecycle.resume(run.folder.path, None, {"iterations": 22})
    outcome = results.read(run.folder.results)
    assert outcome.iteration == 22 == run.folder.load_model().iteration
    assert run.folder.best.read_bytes() == run.folder.checkpoint.read_bytes()


ENGINES = [{"engine": "numpy"}, {"engine": "torch"}, {"engine": "fast"},
           {"engine": "fast", "dtype": "float32", "optimizer": "sgd"}]  # fmt: skip


@pytest.mark.parametrize("kind", ENGINES, ids=lambda kind: " ".join(kind.values()))
def test_training_without_hope_ends_alike_in_every_engine(kind: dict, tmp_path: Path) -> None:
    run = make(tmp_path, "run", learning_rate=1e4, clip=None, iterations=2000, **kind)
    with pytest.raises(InputError) as raised:
        lifecycle.train_to_end(run)
    said = str(raised.value)
    assert "training broke down in iteration" in said
    assert "worse than guessing (3.907 bits per character)" in said  # log2 of 15
    assert "Try a smaller --learning-rate" in said
    assert run.folder.loss_plot.exists()
    standing, _ = checkpoint.load(run.folder.checkpoint, run.config)
    assert standing.iteration == 0


@pytest.mark.parametrize("engine", ["numpy", "fast"])
def test_worse_than_guessing_is_said(engine: str, tmp_path: Path, capsys) -> None:
    run = make(tmp_path, "run", engine=engine, learning_rate=1.0, iterations=4, hidden_size=20)
    lifecycle.train_to_end(run)
    warning = capsys.readouterr().err
    assert warning.startswith("warning: worse than guessing, which takes 3.907 bits per character")
    assert "training, validation, test. " in warning
    assert "**Worse than guessing" in run.folder.card.read_text()
    good = make(tmp_path, "good", engine=engine, iterations=300)
    lifecycle.train_to_end(good)
    assert capsys.readouterr().err == ""
    assert "Worse than guessing" not in good.folder.card.read_text()


def test_end_shows_a_drawn_sample_beside_the_greedy_one_and_a_command_that_draws(
    tmp_path: Path, capsys
) -> None:
    run = make(tmp_path, "run", iterations=300)
    lifecycle.train_to_end(run)
    output = capsys.readouterr().out
    drawn, greedy = re.findall(r"(?m)^(?:Sampled at temperature 0.7|Greedy, .*):\n  (.*)", output)
    weights, state = run.folder.load_model().in_float64()
    vocabulary = run.texts.vocabulary
    for shown, choice in ((drawn, Choice(temperature=0.7)), (greedy, Choice())):
        rng = np.random.default_rng(run.config.seed)
        text = "".join(write(weights, vocabulary, state, None, 300, choice, rng))
        assert shown == text.split("\n")[0]
        assert text in run.folder.card.read_text()
    assert f"bptt sample {run.folder.path} --temperature 0.7" in output.splitlines()[-1]
