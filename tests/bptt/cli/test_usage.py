"""What a stranger types first: --help of every program, and what the README has them install."""

import json
import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import reference
import torch_impl
from bptt.sessions import lifecycle
from reference import Hyperparameters

ROOT = Path(__file__).parents[3]
PROGRAMS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__main__")
    for folder in ("tests", "benchmarks", "bptt")
    for path in (ROOT / folder).rglob("*.py")
    if path.name == "__main__.py" or '\nif __name__ == "__main__":' in path.read_text("utf-8")
)


# In a process of its own: in this one, shapes and types are checked before the code is reached.
WRONG_CALLS = """
import json, sys
import numpy as np, torch
import reference, torch_impl

said = {}
for engine, array in ((reference, np.array), (torch_impl, torch.tensor)):
    parameters = engine.initialize_parameters(vocab_size=3, hidden_size=2)
    right = [parameters, array([0, 1]), array([1, 2]), array([[0.0], [0.0]])]
    if engine is torch_impl:
        right[3] = right[3].double()
    engine.forward(*right)
    wrong = {f"{name} as a {kind.__name__}": [*right[:place], kind(right[place].tolist()),
                                             *right[place + 1:]]
             for place, name in ((1, "inputs"), (2, "targets"), (3, "initial_state"))
             for kind in (list, tuple)}
    wrong["inputs of halves"] = [right[0], array([0.5, 1.0]), *right[2:]]
    wrong["targets of bools"] = [*right[:2], array([True, False]), right[3]]
    calls = {name: (engine.forward, window) for name, window in wrong.items()}
    lists = [value.tolist() for value in parameters]
    for place, name in enumerate(("Whx", "Wha", "Wya", "bh", "by")):
        mixed = [*parameters][:place] + [lists[place]] + [*parameters][place + 1:]
        calls[f"{name} as a list"] = (engine.Parameters, mixed)
    for name, (function, arguments) in calls.items():
        try:
            function(*arguments)
        except (TypeError, ValueError) as error:
            said[f"{engine.__name__}: {name}"] = f"{type(error).__name__}: {error}"
json.dump(said, sys.stdout)
"""


def test_lists_for_arrays_are_named_by_both_twins() -> None:
    done = subprocess.run([sys.executable, "-c", WRONG_CALLS], cwd=ROOT, capture_output=True)
    said = json.loads(done.stdout)
    assert len(said) == 2 * (6 + 2 + 5), done
    for call, error in said.items():
        engine, _, name = call.partition(": ")
        array = "a NumPy array" if engine == "reference" else "a tensor"
        what, _, kind = name.partition(" as a ")
        if kind:
            assert error == f"TypeError: {what} must be {array}, got a {kind}", call
        else:
            assert error.startswith(f"ValueError: {what.split()[0]} must be integers, got "), call


def test_run_is_shown_in_a_line(tmp_path: Path) -> None:
    text = "to be or not to be, that is the question; " * 9
    given = Hyperparameters(hidden_size=9, seq_length=5, iterations=300, sample_every=100)
    for engine in (reference, torch_impl):
        shown = repr(engine.train(text, given))
        assert re.fullmatch(
            r"<Run of 300 iterations, the last with a loss of [\d.]+ nats; 4 reports>", shown
        )
    (tmp_path / "text.txt").write_text(text)
    run = lifecycle.make(str(tmp_path / "text.txt"), {"hidden_size": 9}, tmp_path / "run")
    assert repr(run) == f"<Run in {tmp_path}/run: text, 0 of 10,000 iterations>"


def said_by(program: str, *arguments: str) -> int | str | None:
    """Run a program in this process, as `python -m` does; return what it exits with."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [program, *arguments])
        with pytest.raises(SystemExit) as end:
            runpy.run_module(program, run_name="__main__", alter_sys=True)
    return end.value.code


def test_no_columns_are_an_unknown_number(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("COLUMNS", "0")
    assert said_by("bptt", "corpora") in (0, None)
    assert "python-docs" in capsys.readouterr().out


def test_sample_says_that_standard_output_is_closed(
    monkeypatch: pytest.MonkeyPatch, capsys, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text("to be or not to be " * 9)
    lifecycle.make(str(tmp_path / "text.txt"), {"hidden_size": 9}, tmp_path / "run")
    monkeypatch.setattr(sys, "stdout", None)
    assert said_by("bptt", "sample", str(tmp_path / "run")) == 2
    assert "can't write on standard output: it is closed" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_says_how_it_is_used(program: str, capsys) -> None:
    assert said_by(program, "--help") == 0
    said = capsys.readouterr()
    assert re.match(r"\s*usage: ", said.out, re.IGNORECASE)
    assert said.err == ""


def test_help_of_commands_is_spaced_alike_and_brackets_only_what_may_be_left_out(capsys) -> None:
    for command in ("verify", "sample", "compare"):
        assert said_by("bptt", command, "--help") == 0
        said = capsys.readouterr().out
        assert not re.search(r"\S  \[", said), said
        assert not re.search(r"[{}]", said), said


def test_programs_are_found() -> None:
    assert {
        "tests.campaigns.planted",
        "tests.campaigns.kills",
        "benchmarks",
        "bptt",
    } <= set(PROGRAMS)


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_a_word_that_is_no_engine_is_refused_before_anything_is_planted(capsys) -> None:
    assert said_by("tests.campaigns.planted", "numpi") == 2
    assert "got numpi" in capsys.readouterr().err


def test_certificates_work_after_a_plain_installation() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert any(name.startswith("python-flint") for name in project["dependencies"])


def test_nobody_is_sent_to_an_index_that_lacks_this_project() -> None:
    for path in (ROOT / "README.md", *(ROOT / "bptt").rglob("*.py")):
        assert not re.search(r"pip install [\"']?bptt", path.read_text(encoding="utf-8")), path
