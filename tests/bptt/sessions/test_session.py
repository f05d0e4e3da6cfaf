"""A run in its folder: validation that touches nothing, and every way in which it can end."""

import json
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from rich.console import Console

from bptt.errors import InputError
from bptt.runs import checkpoint, results
from bptt.runs.folder import RunFolder
from bptt.sessions import lifecycle, session
from bptt.sessions.display import Display
from bptt.sessions.lifecycle import Run
from bptt.sessions.session import Session
from bptt.training.sampling import Choice, write
from bptt.training.state import to_arrays

from ...kinds import KINDS
from ...program import TEXT

SIZES = {"hidden_size": 5, "seq_length": 4, "iterations": 40, "sample_every": 8}


class Silent(Display):
    def show(self, entry: object) -> None:
        pass


def make(folder: Path, name: str, **given: Any) -> Run:
    text = folder / "text.txt"
    text.write_text(TEXT)
    return lifecycle.make(str(text), SIZES | given, folder / name)


def train(run: Run) -> Session:
    made = Session(run.folder, run.config, run.training, run.progress, run.texts.validation)
    made.run(Silent(Console(quiet=True), run.config, run.training.iteration))
    return made


def said(folder: RunFolder) -> list[tuple[float, float, str | None]]:
    entries = [json.loads(line) for line in folder.log.read_text().splitlines()]
    return [(entry["loss"], entry["smooth_loss"], entry.get("sample")) for entry in entries]


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
    found = results.evaluated(run.folder.load_model(), run.texts.validation, "the text")
    assert found is not None
    assert found.bits_per_character == bits[best.iteration]


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
    standing, _ = checkpoint.load(dying.folder.checkpoint, dying.config)
    behind, _ = checkpoint.load(dying.folder.best, dying.config)
    assert (standing.iteration, behind.iteration) == (20, 10)
    resumed = lifecycle.take_up(dying.folder, None, {"iterations": 21})
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
    lifecycle.carry_out(run)
    assert time.monotonic() - begun < 20
    came_to = results.read(run.folder.results)
    standing, _ = checkpoint.load(run.folder.checkpoint, run.config)
    assert came_to.ended == "the time budget of 0.3 s is used up"
    assert came_to.iterations == standing.iteration == run.training.iteration
    assert came_to.characters == 4 * came_to.iterations
    assert came_to.seconds >= 0.3
    again = lifecycle.take_up(run.folder, None, {})
    assert train(again).ended == came_to.ended
    assert again.training.iteration == standing.iteration
    more = lifecycle.take_up(run.folder, None, {"time_budget": came_to.seconds + 0.1})
    train(more)
    assert more.training.iteration > standing.iteration


def test_patience_ends_the_run_and_its_results_say_so(tmp_path: Path) -> None:
    run = make(tmp_path, "run", validate_every=1, patience=3, iterations=5000, learning_rate=2.0)
    lifecycle.carry_out(run)
    came_to = results.read(run.folder.results)
    assert came_to.ended == "no better in 3 validations"
    assert came_to.iterations == came_to.iteration + 3 < 5000
    assert came_to.validation is not None
    assert came_to.test is not None
    standing, _ = checkpoint.load(run.folder.checkpoint, run.config)
    assert standing.iteration == came_to.iterations


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
    standing, _ = checkpoint.load(run.folder.checkpoint, run.config)
    assert standing.iteration == run.training.iteration < 40


def test_compiled_engine_looks_at_the_clock_in_time(tmp_path: Path, monkeypatch) -> None:
    run = make(tmp_path, "run", engine="fast", iterations=10**6, log_every=10**6,
               checkpoint_every=10**6, validate_every=10**6, sample_every=10**6)  # fmt: skip
    made = Session(run.folder, run.config, run.training, run.progress, None)
    taken = [len(made._take()) for _ in range(12)]
    assert taken[:4] == [1, 2, 4, 8]
    assert max(taken) == session.LONGEST_TURN
    monkeypatch.setattr(session, "LONG", 0.0)
    assert [len(made._take()) for _ in range(3)] == [500, 250, 125]


def content(folder: RunFolder) -> dict[str, object]:
    """All files of a run; what it says of seconds apart."""
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
    lifecycle.carry_out(whole)
    run = make(tmp_path, "run", **given | {"iterations": 19})
    lifecycle.carry_out(run)
    lifecycle.go_on(run.folder.path, None, {})  # finished: nothing changes
    assert entries_of(run.folder)[-1]["validation_bits"] is not None
    for further in (28, 33, 45):
        lifecycle.go_on(run.folder.path, None, {"iterations": further})
    assert content(run.folder) == content(whole.folder)


def test_end_between_two_validations_is_validated_and_its_figures_are_the_runs(
    tmp_path: Path,
) -> None:
    run = make(tmp_path, "run", validate_every=15, iterations=44, learning_rate=0.01)
    lifecycle.carry_out(run)
    came_to = results.read(run.folder.results)
    validated = {one["iteration"]: one["validation_bits"] for one in entries_of(run.folder)
                 if "validation_bits" in one}  # fmt: skip
    assert list(validated) == [15, 30, 44]
    assert came_to.validation is not None
    assert came_to.iteration == 44 == run.folder.load_model().iteration
    assert came_to.validation.bits_per_character == validated[44] == min(validated.values())
    last, _ = checkpoint.load(run.folder.checkpoint, run.config)
    assert last.progress.best_iteration == 30


def test_end_that_is_not_the_best_leaves_the_best(tmp_path: Path, monkeypatch) -> None:
    run = make(tmp_path, "run", validate_every=15, iterations=44, learning_rate=0.01)
    evaluate = session.evaluate

    def worse_at_the_end(*given: Any) -> Any:
        found = evaluate(*given)
        worse = {"bits_per_character": found.bits_per_character + 9}
        return found.model_copy(update=worse) if run.training.iteration == 44 else found

    monkeypatch.setattr(session, "evaluate", worse_at_the_end)
    train(run)
    best, _ = checkpoint.load(run.folder.best, run.config)
    assert best.iteration == 30
    assert not run.folder.best_before_end.exists()


@pytest.mark.parametrize("dies_at", ["rename", "save"])
def test_death_while_the_end_becomes_the_best_is_made_good(
    dies_at: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"validate_every": 15, "iterations": 44, "learning_rate": 0.01}
    whole = make(tmp_path, "whole", **given)
    lifecycle.carry_out(whole)
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
        lifecycle.carry_out(run)
    monkeypatch.undo()
    lifecycle.go_on(run.folder.path, None, {})
    assert content(run.folder) == content(whole.folder)


def test_stopped_run_that_is_made_to_end_where_it_stands_is_validated(tmp_path: Path) -> None:
    run = make(tmp_path, "run", validate_every=15, iterations=44, learning_rate=0.01)
    for _ in range(22):
        run.training.step()
    checkpoint.save(run.folder.checkpoint, run.training, run.progress, run.config.corpus.sha256)
    lifecycle.go_on(run.folder.path, None, {"iterations": 22})
    came_to = results.read(run.folder.results)
    assert came_to.iteration == 22 == run.folder.load_model().iteration
    assert run.folder.best.read_bytes() == run.folder.checkpoint.read_bytes()


ENGINES = [{"engine": "numpy"}, {"engine": "torch"}, {"engine": "fast"},
           {"engine": "fast", "dtype": "float32", "optimizer": "sgd"}]  # fmt: skip


@pytest.mark.parametrize("kind", ENGINES, ids=lambda kind: " ".join(kind.values()))
def test_training_without_hope_ends_alike_in_every_engine(kind: dict, tmp_path: Path) -> None:
    run = make(tmp_path, "run", learning_rate=1e4, clip=None, iterations=2000, **kind)
    with pytest.raises(InputError) as raised:
        lifecycle.carry_out(run)
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
    lifecycle.carry_out(run)
    warning = capsys.readouterr().err
    assert warning.startswith("warning: worse than guessing, which takes 3.907 bits per character")
    assert "training, validation, test. " in warning
    assert "**Worse than guessing" in run.folder.card.read_text()
    good = make(tmp_path, "good", engine=engine, iterations=300)
    lifecycle.carry_out(good)
    assert capsys.readouterr().err == ""
    assert "Worse than guessing" not in good.folder.card.read_text()


def test_end_shows_a_drawn_sample_beside_the_greedy_one_and_a_command_that_draws(
    tmp_path: Path, capsys
) -> None:
    run = make(tmp_path, "run", iterations=300)
    lifecycle.carry_out(run)
    output = capsys.readouterr().out
    drawn, greedy = re.findall(r"(?m)^(?:Drawn at temperature 0.7|Greedy, .*):\n  (.*)", output)
    weights, state = run.folder.load_model().in_float64()
    vocabulary = run.texts.vocabulary
    for shown, choice in ((drawn, Choice(temperature=0.7)), (greedy, Choice())):
        rng = np.random.default_rng(run.config.seed)
        text = "".join(write(weights, vocabulary, state, None, 300, choice, rng))
        assert shown == text.split("\n")[0]
        assert text in run.folder.card.read_text()
    assert f"bptt sample {run.folder.path} --temperature 0.7" in output.splitlines()[-1]
