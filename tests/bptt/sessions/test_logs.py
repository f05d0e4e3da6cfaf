"""What a run says, in the forms that people look at."""

import csv
from pathlib import Path

import pytest
from rich.console import Console

from bptt.errors import InputError
from bptt.experiments.seeds_progress import Tail
from bptt.markdown import cell, fenced
from bptt.runs import log
from bptt.sessions import lifecycle, tensorboard
from bptt.training import schedule
from bptt.training.validation import ValidationHistory

from ...program import TEXT
from .test_resume import Silent, StopAt, begin, train

SETTINGS = {"hidden_size": 4, "seq_length": 5, "iterations": 40, "sample_every": 20,
            "validate_every": 15, "checkpoint_every": 12, "log_every": 4}  # fmt: skip


def scalars(folder: Path) -> dict[str, dict[int, float]]:
    """Read event files as TensorBoard does: by tag and iteration."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder)).Reload()
    return {
        tag: {event.step: event.value for event in events.Scalars(tag)}
        for tag in events.Tags()["scalars"]
    }


def test_csv_has_the_log_without_samples_and_digests(tmp_path: Path) -> None:
    run = begin(tmp_path, "run", **SETTINGS)
    train(run, Silent(Console(quiet=True), run.config, 0))
    entries = log.read(run.folder.log, log.Entry)
    with run.folder.csv.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(entries) > 5
    for row, entry in zip(rows, entries, strict=True):
        expected = entry.model_dump(exclude={"sample", "weights"})
        assert {key: float(value) if value else None for key, value in row.items()} == expected


def test_csv_is_written_when_a_run_is_stopped(tmp_path: Path) -> None:
    run = begin(tmp_path, "run", **SETTINGS)
    train(run, StopAt(Console(quiet=True), run.config, 0, stop=20))
    assert [line.split(",")[0] for line in run.folder.csv.read_text().splitlines()] == [
        "iteration", "1", "4", "8", "12", "15", "16", "20",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "scheduled",
    [
        {"schedule": "cosine", "warmup": 7, "optimizer": "sgd"},
        {"schedule": "plateau", "plateau_patience": 0, "learning_rate": 5.0, "validate_every": 4},
    ],
    ids=lambda given: given["schedule"],
)
def test_logged_learning_rate_is_the_one_the_step_was_taken_with(
    scheduled: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: dict[int, float] = {}
    true_rate = schedule.rate

    def noted(settings, iteration: int, progress: ValidationHistory) -> float:
        rate = true_rate(settings, iteration, progress)
        taken.setdefault(iteration, rate)  # the training asks before the log does
        return rate

    monkeypatch.setattr(schedule, "rate", noted)
    run = begin(tmp_path, "run", **SETTINGS | {"log_every": 1} | scheduled)
    train(run, Silent(Console(quiet=True), run.config, 0))
    logged = {one.iteration: one.learning_rate for one in log.read(run.folder.log, log.Entry)}
    assert logged == taken
    assert len(set(logged.values())) > 1


def test_events_of_a_resumed_run_are_those_of_a_run_never_stopped(tmp_path: Path) -> None:
    given = SETTINGS | {"tensorboard": True}
    whole = begin(tmp_path, "whole", **given)
    train(whole, Silent(Console(quiet=True), whole.config, 0))

    parts = begin(tmp_path, "parts", **given)
    train(parts, StopAt(Console(quiet=True), parts.config, 0, stop=20))
    ahead = tensorboard.open_log(parts.folder, parts.config, 20)
    with ahead:  # a process that is killed has said more than its checkpoint knows
        for entry in log.read(whole.folder.log, log.Entry):
            if entry.iteration > 20:
                ahead.add(entry.model_copy(update={"loss": 0.0, "iteration": entry.iteration + 1}))
    parts = lifecycle.restored(parts.folder, None, {})
    train(parts, Silent(Console(quiet=True), parts.config, 0))

    assert scalars(parts.folder.tensorboard) == scalars(whole.folder.tensorboard)
    assert parts.folder.checkpoint.read_bytes() == whole.folder.checkpoint.read_bytes()
    validations = scalars(whole.folder.tensorboard)["loss/validation_bits_per_character"]
    assert list(validations) == [15, 30, 40]


def test_missing_tensorboard_is_said_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    (tmp_path / "text.txt").write_text(TEXT)
    with pytest.raises(InputError, match="pip install tensorboard"):
        lifecycle.begin(str(tmp_path / "text.txt"), {"tensorboard": True}, tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["text.txt"]


@pytest.mark.parametrize("text", ["plain", "```\nout", "a ````` b", "`"])
def test_no_text_ends_its_own_fence(text: str) -> None:
    lines = fenced(text).split("\n")
    fence = lines[-1]
    assert lines[0] == fence + "text"
    assert set(fence) == {"`"}
    assert fence not in text
    assert "\n".join(lines[1:-1]) == text


def test_no_name_breaks_a_table() -> None:
    assert cell("a|b\n*c*") == "a\\|b \\*c\\*"
    assert cell("a\x1b[2Jb\x00") == r"a\\x1b\[2Jb\\x00"


def test_no_file_that_is_shown_on_a_terminal_steers_it(tmp_path: Path) -> None:
    text = tmp_path / "a\x1b[2J.txt"
    text.write_text("red \x1b[31m\tand\x07 back \x9b0m\u202e; " * 9)
    given = {**SETTINGS, "learning_rate": 0.1, "sample_temperature": 1.0}
    run = lifecycle.begin(str(text), given, tmp_path / "run")
    for path in (run.card, run.samples):
        content = path.read_text(encoding="utf-8")
        assert not set(content) & set("\x1b\x07\x9b\u202e\r"), path
        assert "\\x1b" in content
        assert "\t" in content


def test_others_can_read_the_log_while_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "BETWEEN_SHOWS", 0.0)
    entry = log.Entry(
        iteration=10, loss=1.0, smooth_loss=1.0, bits_per_character=2.0, characters=70,
        seconds=1.0, learning_rate=0.1,
    )  # fmt: skip
    with log.Log(tmp_path / "log.jsonl") as lines:
        lines.add(entry)
        assert log.read(tmp_path / "log.jsonl", log.Entry) == [entry]


def test_tail_of_a_log_gives_what_is_new_and_survives_a_shortened_log(tmp_path: Path) -> None:
    path, entries = tmp_path / "log.jsonl", []
    for iteration in (10, 20, 30, 40):
        entries.append(
            log.Entry(
                iteration=iteration, loss=1.0, smooth_loss=1.0, bits_per_character=2.0,
                characters=70, seconds=1.0, learning_rate=0.1,
            )
        )  # fmt: skip
    log.write(path, entries[:1])
    tail = Tail(path)
    assert tail.entries() == []
    whole = b"".join(map(log.to_line, entries[:3]))
    path.write_bytes(whole[:-20])
    assert tail.entries() == entries[1:2]
    path.write_bytes(whole)
    assert tail.entries() == entries[2:3]
    log.write(path, entries[:1])
    assert tail.entries() == []
    log.write(path, [entries[0], entries[3]])
    assert tail.entries() == entries[3:]
