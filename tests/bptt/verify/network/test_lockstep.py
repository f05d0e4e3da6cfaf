"""The lockstep comparison: it agrees where it should, and sees where it shouldn't."""

import json
from pathlib import Path

import numpy as np
import pytest

import reference
from bptt.sessions import display
from bptt.verify.network import lockstep
from bptt.verify.network.lockstep import Contender, run_free, run_in_lockstep
from bptt.verify.network.tolerances import FLOAT64
from reference import Gradients, Hyperparameters, Training, Vocabulary

from ....program import TEXT, assert_refused, bptt, listing

SHAPE = Hyperparameters(hidden_size=8, seq_length=10, learning_rate=0.1, iterations=25)


def start() -> Training:
    vocabulary = Vocabulary.from_text(TEXT)
    return Training(vocabulary.encode(TEXT), SHAPE, vocabulary=vocabulary, clip=0.5)


@pytest.mark.parametrize(
    ("engine", "allowed"), [("torch", 1e-13), ("autograd", 1e-13), ("torch-float32", 1e-4)]
)
def test_engines_agree_in_lockstep_within_their_rounding(engine: str, allowed: float) -> None:
    rows = list(run_in_lockstep(start(), "numpy", [engine]))
    assert [row.iteration for row in rows] == list(range(1, 26))
    assert max(row.worst for row in rows) < allowed
    assert max(row.share for row in rows) < 1
    assert any(row.clipped[0] > 0 for row in rows)


def test_lockstep_follows_the_training_itself() -> None:
    led, alone = start(), start()
    list(run_in_lockstep(led, "numpy", ["torch"]))
    list(alone)
    for ours, theirs in zip(led.parameters, alone.parameters, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_small_error_in_one_entry_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def slightly_wrong(parameters, window, clip) -> Gradients:
        gradients = reference.backward(parameters, reference.forward(parameters, *window), clip)
        gradients.Wha[2, 3] *= 1 + 1e-9
        return gradients

    monkeypatch.setitem(lockstep.CONTENDERS, "wrong", Contender("wrong", FLOAT64, slightly_wrong))
    rows = list(run_in_lockstep(start(), "numpy", ["wrong"]))
    assert all(row.share > 1 for row in rows)
    assert all(row.differences["Wha"] > 0 == row.differences["Wya"] for row in rows)


def test_let_go_they_part() -> None:
    text = start().text
    vocabulary = Vocabulary.from_text(TEXT)
    longer = Hyperparameters(hidden_size=40, seq_length=25, learning_rate=0.5, iterations=60)
    gaps = run_free(text, longer, "numpy", ["torch", "nudged", "autograd"], vocabulary=vocabulary)
    assert gaps.keys() == {"torch", "nudged"}
    for values in gaps.values():
        assert values[0] < 1e-6
        assert values[-1] > 1e3 * values[0]


@pytest.mark.parametrize("clip", ["0.5", "none"])
def test_command_writes_figures_and_a_plot(clip: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    done = bptt(
        "lockstep", "text.txt", "--iterations", "5", "--free", "6", "--hidden", "6",
        "--seq-length", "8", "--against", "torch", "--against", "nudged", "--out", "out",
        "--clip", clip,
        folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done
    content = json.loads((tmp_path / "out/lockstep.json").read_text(), parse_constant=pytest.fail)
    assert content["settings"]["clip"] == (None if clip == "none" else 0.5)
    assert len(content["in_lockstep"]) == 5
    assert content["free"].keys() == {"torch", "nudged"}
    assert (tmp_path / "out/lockstep.png").read_bytes().startswith(b"\x89PNG")


def test_pipe_gets_lines_with_the_time_that_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    monkeypatch.setattr(display, "FIRST_LINE", 0.0)
    monkeypatch.setattr(display, "BETWEEN_LINES", 0.0)
    done = bptt(
        "lockstep", "text.txt", "--iterations", "4", "--free", "5", "--hidden", "6",
        "--seq-length", "8", "--against", "torch", folder=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done
    first, *lines = done.stdout.splitlines()
    assert first.startswith("4 iterations in lockstep with numpy (torch), then 5 in free training.")
    assert [line.split(",")[0] for line in lines[:7]] == [
        "in lockstep: 25%", "in lockstep: 50%", "in lockstep: 75%",
        "free training: 20%", "free training: 40%", "free training: 60%",
        "free training: 80%",
    ]  # fmt: skip
    assert all(line.endswith("s left") for line in lines[:7])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--base", "abacus"], "no engine is called 'abacus'"),
        (["--against", "abacus"], "no engine is called 'abacus'"),
        (["--base", "autograd"], "has no training of its own"),
        (["--base", "nudged"], "has no gradients of its own"),
        (["--iterations", "0"], "at least 1, got 0"),
        (["--seq-length", "100000"], "at least 100001 characters"),
        (["--out", "text.txt"], "exists already"),
    ],
    ids=" ".join,
)
def test_command_refuses(arguments: list[str], said: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    before = listing(tmp_path)
    assert_refused(bptt("lockstep", "text.txt", *arguments, folder=tmp_path), said)
    assert listing(tmp_path) == before
