"""The options of `bptt train` are the settings: they take the same values and hand them on."""

import importlib
from typing import Any

import pytest
import typer
from pydantic import ValidationError

from bptt.cli import app
from bptt.cli.options import SCHEMA, option_of
from bptt.settings import Settings

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
        taken = model_takes(name, read(text))
        at_an_end = text in ("0", "1") and {"maximum", "exclusiveMaximum"} & set(SCHEMA[name])
        if taken or not at_an_end:  # an end that is left out may be the model's to refuse
            assert option_takes(name, text) == taken, text


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
