"""Faults in the life of a run: wrong settings, full disks, other processes, foreign texts."""

import fcntl
import json
import re
from pathlib import Path

import pytest

import bptt as package
from bptt.errors import InputError
from bptt.runs import log, results
from bptt.runs.folder import RunFolder
from bptt.sessions import lifecycle

from ...program import SMALL, TEXT, assert_refused, bptt, listing

VALIDATED = [*SMALL, "--split", "90/5/5", "--validate-every", "20"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "greek.txt").write_text("αβγδε" * 9)
    (tmp_path / "mixed.txt").write_text("the αβγ shells\n" * 9)
    (tmp_path / "wrong.toml").write_text("hiden_size = 9\n")
    (tmp_path / "both.toml").write_text("clip_kind = 'norm'\nclip = 1\nmomentum = 0.5\n")
    (tmp_path / "named.toml").write_text("corpus = 'nowhere'\niterations = 3\nhidden_size = 2\n")
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--momentum", "0.9"], ["--momentum is sgd's, got it with --optimizer adagrad"]),
        (["--clip-kind", "none", "--clip", "3"], ["--clip-kind none leaves no --clip, got 3.0"]),
        (["--dtype", "float32"], ["--dtype float32 needs --engine torch or fast, got numpy"]),
        (["--lanes", "999"], ["at least 36 characters for each of 999 lanes", "got 205"]),
        (["--split", "99.9/0.1/0"], ["leaves nothing of text's 228 characters for validation"]),
        (["--split", "99/0.4/0.6"], ["nothing to score in the 1 character of text"]),
        (["--split", "half"], ["split must be TRAIN/VALIDATION/TEST", "'half'"]),
        (
            ["--iterations", "9", "--validation-file", "greek.txt"],
            ["nothing to score", "of greek for validation"],
        ),
        (["--validation-file", "nowhere.txt"], ["'nowhere.txt'"]),
        (["--test-file", "mixed.txt"], ["--test-file needs a --validation-file"]),
        (["--config", "wrong.toml"], ["'hiden_size'; did you mean hidden_size?"]),
        (["--config", "both.toml"], ["momentum is sgd's"]),
        (["--config", "nowhere.toml"], ["can't read nowhere.toml: No such file"]),
        (["--config", "text.txt"], ["text.txt can't be read as settings"]),
        (["--optimizer", "adm"], ["--optimizer", "adagrad, adam,", "got adm"]),
        (["--time-budget", "0"], ["--time-budget", "positive finite number, got 0"]),
        (["--patience", "3", "--split", "all"], ["--patience needs validation, got --split all"]),
        (["--schedule", "cosine", "--warmup", "10000"], ["shorter than the run's 10000", "10000"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_train_refuses(arguments: list[str], said: list[str], folder: Path) -> None:
    before = listing(folder)
    assert_refused(bptt("train", "text.txt", *arguments, folder=folder), *said)
    assert listing(folder) == before


def test_corpus_comes_before_that_of_the_file_of_settings(folder: Path) -> None:
    done = bptt("train", "text.txt", "--config", "named.toml", "--out", "run", folder=folder)
    assert done.returncode == 0, done
    assert RunFolder(folder / "run").read_config().corpus.name == "text"
    assert_refused(bptt("train", "--config", "named.toml", folder=folder), "'nowhere'")


def test_validation_text_with_foreign_characters_is_counted(folder: Path) -> None:
    done = bptt(
        "train", "text.txt", *SMALL, "--out", "run", "--validation-file", "mixed.txt",
        "--validate-every", "20", folder=folder,
    )  # fmt: skip
    assert done.returncode == 0, done
    found = results.read(folder / "run/results.json").validation
    assert found is not None
    known = sum(letter in TEXT for letter in ("the αβγ shells\n" * 9)[1:])
    assert (found.scored, found.unseen) == (known, 27)
    assert "27 unseen" in done.stdout


@pytest.fixture(scope="module")
def validated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("validated")
    (folder / "text.txt").write_text(TEXT)
    (folder / "greek.txt").write_text("αβγδε" * 9)
    (folder / "one.txt").write_text("s")
    (folder / "latin.txt").write_bytes(b"caf\xe9 " * 9)
    done = bptt("train", "text.txt", *VALIDATED, "--out", "run", folder=folder)
    assert done.returncode == 0, done
    done = bptt("train", "text.txt", *SMALL, "--out", "whole", folder=folder)
    assert done.returncode == 0, done
    return folder


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], ["nowhere is no run folder"]),
        (["whole"], ["kept nothing for validation or test; name a CORPUS"]),
        (["run", "nowhere.txt"], ["'nowhere.txt'"]),
        (["run", "greek.txt"], ["greek: nothing to score", "45 characters"]),
        (["run", "one.txt"], ["one: nothing to score"]),
        (["run", "latin.txt"], ["latin.txt is not utf-8"]),
        (["run", "--encoding", "latin-1"], ["--encoding is that of a CORPUS"]),
    ],
    ids=" ".join,
)
def test_eval_refuses(arguments: list[str], said: list[str], validated: Path) -> None:
    before = listing(validated)
    assert_refused(bptt("eval", *arguments, folder=validated), *said)
    assert listing(validated) == before


def test_second_process_on_a_run_is_refused(validated: Path) -> None:
    before = listing(validated)
    with (validated / "run/.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = bptt("train", "--resume", "run", "--iterations", "90", folder=validated)
    assert_refused(done, "another process is training in run")
    assert listing(validated) == before


@pytest.mark.parametrize("full", ["checkpoint.safetensors", "best.safetensors", "results.json",
                                  "samples.txt"])  # fmt: skip
def test_full_disk_is_said_and_the_run_goes_on_when_there_is_room(full, tmp_path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    given = {"hidden_size": 4, "seq_length": 5, "iterations": 60, "validate_every": 20}
    whole = lifecycle.begin(str(text), given, tmp_path / "whole")
    run = lifecycle.make(str(text), given, tmp_path / "run").folder
    (run.path / f"{full}.tmp").symlink_to("/dev/full")
    with pytest.raises(InputError, match=r"can't write.*: No space left on device"):
        lifecycle.resume(run.path, None, {})
    assert not (run.path / f"{full}.tmp").is_symlink()
    lifecycle.resume(run.path, None, {})
    for name in ("checkpoint.safetensors", "best.safetensors", "samples.txt"):
        assert (run.path / name).read_bytes() == (whole.path / name).read_bytes()
    ours, theirs = (json.loads(path.results.read_bytes()) for path in (run, whole))
    assert ours | {"seconds": 0} == theirs | {"seconds": 0}


def test_log_beyond_the_room_on_disk_leaves_the_last_checkpoint(tmp_path, monkeypatch) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    given = {"hidden_size": 4, "seq_length": 5, "iterations": 60, "checkpoint_every": 20}
    run = lifecycle.make(str(text), given, tmp_path / "run").folder
    flush = log.Log.flush

    def full(self: log.Log) -> None:
        if len(run.log.read_bytes()) > 1:
            raise OSError(28, "No space left on device")
        flush(self)

    monkeypatch.setattr(log.Log, "flush", full)
    with pytest.raises(InputError, match=r"log.jsonl: No space left on device\. The last good"):
        lifecycle.resume(run.path, None, {})
    monkeypatch.undo()
    lifecycle.resume(run.path, None, {})
    assert results.read(run.results).iterations == 60


SOURCES = sorted(
    path
    for name in ("bptt", "reference", "torch_impl")
    for path in (Path(package.__file__).parents[1] / name).rglob("*.py")
)


@pytest.mark.parametrize(
    ("pattern", "elsewhere"),
    [
        # The cache compares with the time that the file system writes, which is the clock's.
        (r"\btime\.time\b|datetime\.now", {"cache.py"}),
        (
            r"\b(c?pickle|marshal|shelve|dill)\b(?!ing)|torch\.(load|save)\(|allow_pickle",
            {"compiled.py", "export.py"},  # numba's own cache of its code; torch.save for others
        ),
        (
            r"(?<![.\w])(eval|exec)\(|yaml\.load",
            # A person's own file is run, an audited function gets other code, and so does an
            # exercise: the reference's own with another line.
            {"loading.py", "named_functions.py", "exercises.py"},
        ),
    ],
    ids=["the clock", "pickle", "eval"],
)
def test_program_never_uses(pattern: str, elsewhere: set[str]) -> None:
    found = [
        f"{path.name}: {line.strip()}"
        for path in SOURCES
        if path.name not in elsewhere
        for line in path.read_text().splitlines()
        if re.search(pattern, line)
    ]
    assert not found


def test_clock_that_jumps_changes_nothing(tmp_path: Path, monkeypatch) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    given = {"hidden_size": 3, "seq_length": 5, "iterations": 30, "time_budget": 1000.0}
    monkeypatch.setattr("time.time", lambda: -1e9)
    lifecycle.begin(str(text), given, tmp_path / "run")
    found = results.read(tmp_path / "run/results.json")
    assert found.ended is None
    assert 0 <= found.seconds < 1000
