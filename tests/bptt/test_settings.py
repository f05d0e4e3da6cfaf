"""Settings: what goes together, and what files and options say."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bptt.errors import InputError
from bptt.sessions import lifecycle
from bptt.settings import RATES, Settings
from bptt.settings_file import over, read_file
from bptt.split import shares

from ..program import TEXT


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"clip_kind": "none", "clip": 5.0}, "--clip-kind none leaves no --clip, got 5.0"),
        ({"clip_kind": "norm", "clip": None}, "--clip-kind norm needs a --clip, got none"),
        ({"momentum": 0.9}, "--momentum is sgd's, got it with --optimizer adagrad"),
        ({"weight_decay": 0.1}, "--weight-decay needs another --optimizer than adagrad"),
        (
            {"output_dropout": 0.1},
            "--output-dropout and --recurrent-dropout need --engine fast, got numpy",
        ),
        ({"recurrent_dropout": 0.1, "engine": "torch"}, "need --engine fast, got torch"),
        ({"engine": "fast", "output_dropout": 1.0}, "output_dropout: .* less than 1, got 1.0"),
        ({"engine": "fast", "recurrent_dropout": -0.5}, "recurrent_dropout: .*, got -0.5"),
        ({"input_scale": 0.0}, "input_scale: .* greater than 0, got 0.0"),
        ({"recurrent_scale": -1.0}, "recurrent_scale: .* greater than or equal to 0, got -1.0"),
        ({"average_decay": 1.0}, "average_decay: .* less than 1, got 1.0"),
        ({"final_share": 0.1}, "--final-share are the cosine's, got them with --schedule constant"),
        ({"warmup": 9, "schedule": "plateau"}, "the cosine's, got them with --schedule plateau"),
        ({"plateau_factor": 0.1}, "are the plateau's, got them with --schedule constant"),
        ({"plateau_patience": 0, "schedule": "cosine"}, "the plateau's, got them with .* cosine"),
        ({"schedule": "plateau", "split": "all"}, "plateau needs validation, got --split all"),
        ({"patience": 1, "split": "90/0/10"}, "--patience needs validation, got --split 90/0/10"),
        ({"validation_file": "v", "split": "9/1/0"}, "nothing to split, got --split 9/1/0"),
        ({"test_file": "t"}, "--test-file needs a --validation-file beside it"),
        ({"validation_file": "-"}, "standard input is read once"),
        ({"validation_file": "v", "test_file": "-"}, "standard input is read once"),
        ({"dtype": "float32"}, "--dtype float32 needs --engine torch or fast, got numpy"),
        ({"schedule": "cosine", "warmup": 9, "iterations": 9}, "shorter than the run's 9 iter"),
        ({"optimizer": ["adam"]}, r"optimizer: input should be 'adagrad', .*, got \['adam'\]"),
        ({"seed": int("f" * 5000, 16)}, "less than 4294967296, got a int too large to be shown"),
        ({"encoding": 7 * [300 * "x"]}, r"encoding: input should be a valid string, got .* …$"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, dict) else "",
)
def test_conflict_says_what_was_expected_and_what_came(given: dict, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        lifecycle.checked(given)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    "split", ["", "9", "0/1", "0/5/5", "9/1/1/1", "-9/1/1", "nan/1/1", "9/inf/1", "1e308/1e308/1"]
)
def test_split_that_is_none_is_refused(split: str) -> None:
    with pytest.raises(ValueError, match="split must be TRAIN/VALIDATION/TEST"):
        shares(split)


def test_shares_add_up_and_stand_in_order() -> None:
    assert shares("all") == (1.0, 0.0, 0.0)
    assert shares("90/5/5") == (0.9, 0.05, 0.05)
    assert shares("3/0/1") == (0.75, 0.0, 0.25)
    assert shares("90/10") == (0.9, 0.1, 0.0)


def test_every_optimizer_has_its_own_rate_unless_one_is_given() -> None:
    for optimizer, rate in RATES.items():
        assert Settings.model_validate({"optimizer": optimizer}).learning_rate == rate
        given = {"optimizer": optimizer, "learning_rate": 0.3}
        assert Settings.model_validate(given).learning_rate == 0.3


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hiden_size = 3", "no setting is called 'hiden_size'; did you mean hidden_size?"),
        (
            "learning-rat = 3",
            "no setting is called 'learning-rat'; did you mean learning_rate?",
        ),
        ("zzz = 3", "no setting is called 'zzz'; there are: engine, dtype"),
        ("hidden_size = 3\nhidden-size = 4", "hidden_size occurs twice"),
        ("hidden_size = 3\nhidden_size = 4", "can't be read as settings"),
        ("hidden_size", "can't be read as settings"),
        ("hidden_size = -1", "settings.toml: hidden_size: input should be greater than 0, got -1"),
        ("corpus = 3", "corpus must be a file or a name, got 3"),
        ("seed = " + "[" * 5000, "can't be read as settings"),
    ],
)
def test_file_of_settings_that_is_wrong_is_refused(content: str, said: str, tmp_path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(content)
    with pytest.raises(InputError, match=re.escape(said)):
        read_file(path)


@pytest.mark.parametrize("content", ["{}", "[]", "3", '{"corpus": {}}', '{"corpus": 3}'])
def test_json_that_is_no_runs_config_is_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(content)
    with pytest.raises(InputError, match="can't be read as settings"):
        read_file(path)


@pytest.mark.parametrize(
    ("file", "options", "clip"),
    [
        ({"clip": 5.0, "clip_kind": "norm"}, {"clip": None}, ("none", None)),
        ({"clip": 5.0, "clip_kind": "norm"}, {"clip_kind": "none"}, ("none", None)),
        ({"clip": 5.0, "clip_kind": "norm"}, {"clip": 1.0}, ("norm", 1.0)),
        ({"clip": 5.0, "clip_kind": "norm"}, {"clip_kind": "value"}, ("value", 5.0)),
        ({"clip": None, "clip_kind": "none"}, {"clip": 1.0}, ("running", 1.0)),
        ({"clip_kind": "none"}, {"clip": 1.0}, ("running", 1.0)),
        ({"clip": None, "clip_kind": "none"}, {"clip_kind": "norm"}, ("norm", 5.0)),
        ({}, {"clip": None}, ("none", None)),
        ({"clip": None}, {}, ("none", None)),
        ({"clip_kind": "none"}, {}, ("none", None)),
    ],
)
def test_option_overrules_the_files_clip(file: dict, options: dict, clip: tuple) -> None:
    settings = lifecycle.checked(over(file, options))
    assert (settings.clip_kind, settings.clip) == clip


def test_clip_in_a_file_is_none_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text('clip = "none"')
    assert read_file(tmp_path / "settings.toml") == {"clip": None}


def test_option_comes_before_file_and_file_before_default() -> None:
    settings = lifecycle.checked(over({"hidden_size": 7, "lanes": 2}, {"lanes": 3}))
    assert (settings.hidden_size, settings.lanes, settings.seq_length) == (7, 3, 35)


SMALL: dict[str, Any] = {
    "hidden_size": 4, "seq_length": 3, "iterations": 12, "validate_every": 5, "lanes": 2,
    "optimizer": "adam", "schedule": "cosine", "warmup": 3, "clip_kind": "norm", "clip": 0.5,
    "learn_initial_state": True, "sample_temperature": 0.5, "seed": 7,
}  # fmt: skip


@pytest.mark.parametrize("way", ["config.json", "TOML"])
def test_settings_given_back_repeat_the_run(way: str, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text(TEXT)
    Path("other.txt").write_text("She sells. " * 9)
    given = SMALL | {"validation_file": "other.txt"}
    first = lifecycle.begin("text.txt", given, Path("first"))
    path = first.config
    if way == "TOML":
        path = tmp_path / "settings.toml"
        path.write_text("corpus = 'text.txt'\n" + "".join(
            f"{key} = {json.dumps(value)}\n" for key, value in given.items()
        ))  # fmt: skip
    else:
        (tmp_path / "elsewhere").mkdir()
        path = path.resolve()
        monkeypatch.chdir(tmp_path / "elsewhere")
    named = read_file(path)
    second = lifecycle.begin(named.pop("corpus"), over(named, {}), tmp_path / "second")
    first = tmp_path / "first"
    assert (first / "checkpoint.safetensors").read_bytes() == second.checkpoint.read_bytes()
    assert (first / "best.safetensors").read_bytes() == second.best.read_bytes()
    assert (first / "config.json").read_bytes() == second.config.read_bytes()
