"""The options of `bptt train` are the settings: they take the same values and hand them on."""

import importlib
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import ValidationError

from bptt.cli import app
from bptt.cli.options import SCHEMA, option_of, refuse_output
from bptt.sessions import lifecycle
from bptt.settings import Settings

from ...program import TEXT, assert_refused, bptt, listing

NUMBERS = [name for name, said in SCHEMA.items() if said["type"] in ("integer", "number")]


def read(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text


def model_takes(name: str, value: Any) -> bool:
    try:
        Settings(**{name: value})
    except ValidationError as error:
        return all(problem["loc"] != (name,) for problem in error.errors())
    return True


def option_takes(name: str, text: str) -> bool:
    try:
        return option_of(name).parser(text) == read(text)
    except typer.BadParameter:
        return False


@pytest.mark.parametrize("name", NUMBERS)
def test_option_takes_the_numbers_that_its_setting_takes(name: str) -> None:
    for text in ("-1", "0", "0.5", "1", "1.5", "2", str(2**32 - 1), str(2**32), "inf", "nan", "x"):
        assert option_takes(name, text) == model_takes(name, read(text)), text


def passed_on(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> dict[str, Any]:
    """Return the settings that `bptt train` makes of its arguments."""
    calls = []
    module = importlib.import_module("bptt.cli.train")
    monkeypatch.setattr(module, "lead", lambda *given: calls.append(given[1]))
    app(["train", *arguments], standalone_mode=False)
    return calls.pop()


@pytest.mark.parametrize("name", SCHEMA)
def test_every_setting_is_set_by_the_option_of_its_name(name: str, monkeypatch) -> None:
    said = SCHEMA[name]
    option = {"hidden_size": "--hidden"}.get(name, f"--{name.replace('_', '-')}")
    if said["type"] == "boolean":
        assert passed_on(monkeypatch, option) == {name: True}
        assert passed_on(monkeypatch, f"--no-{option[2:]}") == {name: False}
        return
    example = said.get("enum", [said["default"]])[-1]
    value = {"string": "abc", "number": 0.5}[said["type"]] if example is None else example
    assert passed_on(monkeypatch, option, str(value)) == {name: value}


def test_only_what_is_given_is_passed_on(monkeypatch) -> None:
    assert passed_on(monkeypatch) == {}
    assert passed_on(monkeypatch, "--lr", "0.5") == {"learning_rate": 0.5}
    assert passed_on(monkeypatch, "--clip", "none") == {"clip": None}


@pytest.fixture(scope="module")
def run_and_text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("outputs")
    (made / "text.txt").write_text(TEXT)
    lifecycle.make(str(made / "text.txt"), {"hidden_size": 6}, made / "run")
    return made


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "run", "--out", "run/best.safetensors"],
        ["export", "run", "--out", "run/../run/start.safetensors"],
        ["compare", "run", "--out", "run/loss.png"],
        ["watch", "run", "--out", "run/config.json"],
        ["find-the-bug", "--out", "text.txt"],
        ["verify", "text.txt:problem", "--json", "run/results.json"],
        ["verify", "text.txt:problem", "--json", "text.txt"],
        ["verify", "text.txt:problem", "--html", "run/config.json"],
        ["verify", "text.txt:problem", "--json", "nowhere/report.json"],
        ["audit", "text.txt", "--json", "run/config.json"],
        ["audit", "text.txt", "--json", "text.txt"],
        ["audit", "text.txt", "--json", "nowhere/audit.json"],
    ],
    ids=" ".join,
)
def test_no_output_replaces_another_file_or_is_first_missed_at_the_end(
    arguments: list[str], run_and_text: Path
) -> None:
    before = listing(run_and_text)
    done = bptt(*arguments, folder=run_and_text)
    missing = f"can't write {arguments[-1]}: there is no folder nowhere"
    assert_refused(done, missing if "nowhere" in arguments[-1] else f"{arguments[-2]} must be a")
    assert listing(run_and_text) == before


def test_numbers_of_verify_are_said_as_they_came(run_and_text: Path) -> None:
    done = bptt("verify", "text.txt:problem", "--cases", "0", folder=run_and_text)
    assert_refused(done, "--cases", "expected a whole number of at least 1, got 0")


def test_certificates_are_for_a_folder(run_and_text: Path) -> None:
    for target in ("text.txt", "problem.py:problem"):
        done = bptt("certify", target, "--out", "text.txt", folder=run_and_text)
        assert_refused(done, "--out must be a folder, got text.txt, a file")


def test_run_s_own_names_are_free_elsewhere(run_and_text: Path) -> None:
    refuse_output("--json", run_and_text / "config.json", ".json")
    refuse_output("--json", run_and_text / "run/report.json", ".json")
