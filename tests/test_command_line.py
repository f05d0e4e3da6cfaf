"""What people run, and what it leaves on disk."""

import json
import os
import pty
import re
import subprocess
from pathlib import Path

import pytest

from bptt import corpora
from bptt.errors import harmless

from .program import COMMAND, SMALL, TEXT, bptt


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text(TEXT)
    return tmp_path


def test_run_folder_holds_everything(folder: Path) -> None:
    done = bptt("train", "text.txt", *SMALL, folder=folder)
    assert done.returncode == 0, done
    run = folder / "runs/text-1"
    assert sorted(path.name for path in run.iterdir()) == [
        ".lock", "card.md", "checkpoint.safetensors", "config.json", "log.csv", "log.jsonl",
        "loss.png", "results.json", "samples.txt",
    ]  # fmt: skip
    config = json.loads((run / "config.json").read_text())
    assert config["corpus"]["sha256"] == corpora.load(str(folder / "text.txt")).sha256
    assert config["corpus"]["length"] == len(TEXT)
    assert "".join(config["vocabulary"]) == "".join(sorted(set(TEXT)))
    assert set(config["versions"]) >= {"python", "numpy", "blas"}
    log = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    assert [entry["iteration"] for entry in log] == [1, 10, 20, 30, 40, 50, 60]
    assert [entry["iteration"] for entry in log if "sample" in entry] == [1, 20, 40, 60]
    assert (run / "samples.txt").read_text().count("bits per character") == 4
    assert (run / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_run_folders_are_numbered(folder: Path) -> None:
    for _ in range(2):
        assert bptt("train", "text.txt", *SMALL, folder=folder).returncode == 0
    assert sorted(path.name for path in (folder / "runs").iterdir()) == ["text-1", "text-2"]


def test_one_symbol_text_trains(folder: Path) -> None:
    (folder / "one.txt").write_text("a" * 100)
    done = bptt("train", "one.txt", *SMALL, "--out", "run", folder=folder)
    assert done.returncode == 0, done
    assert bptt("sample", "run", "--length", "5", folder=folder).stdout == "aaaaaa\n"


def test_standard_input_and_encodings(folder: Path) -> None:
    text = "élan vital, déjà vu; " * 20
    done = bptt(
        "train", "-", *SMALL, "--encoding", "latin-1", "--out", "run", folder=folder,
        stdin=text.encode("latin-1"),
    )  # fmt: skip
    assert done.returncode == 0, done
    done = bptt("sample", "run", "--prime", "déjà", "--length", "9", folder=folder)
    assert done.stdout.startswith("déjà")
    assert len(done.stdout) == 4 + 9 + 1
    again = bptt(
        "train", "--resume", "run", "--iterations", "70", folder=folder,
        stdin=text.encode("latin-1"),
    )  # fmt: skip
    assert again.returncode == 0, again


def test_line_ends_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "unix.txt").write_bytes(b"one\ntwo\nthree\n")
    (tmp_path / "windows.txt").write_bytes(b"one\r\ntwo\r\nthree\r\n")
    assert (
        corpora.load(str(tmp_path / "unix.txt")).sha256
        == corpora.load(str(tmp_path / "windows.txt")).sha256
    )


def test_sample_is_repeatable(folder: Path) -> None:
    bptt("train", "text.txt", *SMALL, "--out", "run", folder=folder)
    first, second = (bptt("sample", "run", "--seed", "4", folder=folder).stdout for _ in range(2))
    assert first == second
    assert len(first) == 1 + 200 + 1


def test_built_in_corpus_is_listed_with_its_hash(tmp_path: Path) -> None:
    done = bptt("corpora", folder=tmp_path)
    corpus = corpora.load("python-docs")
    assert done.returncode == 0
    assert "python-docs" in done.stdout
    assert corpus.sha256 in done.stdout
    assert f"{len(corpus.text):,}" in done.stdout


def test_help_names_every_command(tmp_path: Path) -> None:
    done = bptt("--help", folder=tmp_path)
    assert done.returncode == 0
    for command in ("train", "sample", "corpora"):
        assert command in done.stdout


@pytest.mark.parametrize("columns", [24, 40, 60, 120])
def test_terminal_shows_a_bar_that_fits(columns: int, folder: Path) -> None:
    main, side = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "train", "text.txt", *SMALL, "--out", f"run{columns}"],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=side,
        stderr=side,
        env=os.environ | {"COLUMNS": str(columns), "TERM": "xterm-256color"},
    )
    os.close(side)
    shown = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # how Linux reports the other end's closing
            break
        if not piece:
            break
        shown += piece
    os.close(main)
    assert process.wait() == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    assert "60/60" in plain
    bars = [line for line in re.split(r"[\r\n]+", plain) if "/60 " in line]
    assert bars
    assert max(map(len, bars)) <= columns


def test_control_characters_are_shown_harmlessly() -> None:
    assert harmless("a\x1b[2Jb\nc\u202e") == "a\\x1b[2Jb\nc\\u202e"
