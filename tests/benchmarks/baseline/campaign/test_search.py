"""Searches: fair budgets, the same outcome however often they are stopped, honest failures."""

import contextlib
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from benchmarks.baseline.campaign import halving, processes, space
from benchmarks.baseline.campaign.halving import Budget
from benchmarks.baseline.campaign.processes import Leg, Training
from benchmarks.baseline.peers.settings import checked
from bptt.errors import InputError
from bptt.settings import Settings
from bptt.settings_file import read_file, to_toml

from .trainer import bits

TRAINER = ("tests.benchmarks.baseline.campaign.trainer",)
BUDGET = Budget(corpus="any", trials=5, characters=64 * 160, validations=16, seed=3)


def small(rates: list[float]) -> space.Space:
    return space.Space.model_validate(
        {
            "model": "rnn",
            "fixed": {"seq_length": 8, "lanes": 8},
            "drawn": {"learning_rate": {"choice": rates}},
        }
    )


@pytest.fixture(autouse=True)
def without_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(processes.PROGRAMS, "rnn", TRAINER)
    monkeypatch.setattr(processes, "BETWEEN_LOOKS", 0.01)


def lines(folder: Path) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
    return [
        {key: one[key] for key in ("trial", "rungs", "best_bits", "broke_down")} for one in found
    ]


def quiet(text: str) -> None:
    pass


def test_better_half_goes_on_at_every_rung(tmp_path: Path) -> None:
    found = halving.search(small([0.1, 0.2, 0.3, 0.15, 0.25]), BUDGET, tmp_path, 3, quiet)
    rates = {one["trial"]: one["settings"]["learning_rate"] for one in found}
    everyone = [json.loads(line) for line in (tmp_path / "trials.jsonl").read_text().splitlines()]
    order = sorted(everyone, key=lambda one: (-one["settings"]["learning_rate"], one["trial"]))
    characters = [64 * (20, 40, 80, 160)[eighth] for eighth in (3, 2, 1, 0, 0)]
    assert [one["characters"] for one in order] == characters  # 5, 3, 2 and 1 trials
    best = order[0]
    assert list(rates) == [best["trial"]]
    assert best["best_bits"] == bits(rates[best["trial"]], 160)


def test_adopted_trial_is_the_best_of_those_that_finished(tmp_path: Path) -> None:
    """Window sizes round the characters, so that finished trials have different numbers of them."""
    stopped = {"10": 3.0, "20": 1.5}
    for number, rungs in enumerate(({"40": 2.0}, {"39": 1.9}, {}), start=1):
        line = {
            "trial": number,
            "model": "rnn",
            "rungs": stopped | rungs,
            "best_bits": [*rungs.values(), 1.5][0],
            "characters": int([*rungs, "20"][0]),
            "settings": {"learning_rate": number / 10},
        }
        with (tmp_path / "trials.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")
    (tmp_path / "search.json").write_text(json.dumps({"budget": BUDGET.model_dump()}))
    _, settings, comment = halving.adopted(tmp_path, None, None)
    assert settings == {"learning_rate": 0.2}
    assert comment[0].startswith("Trial 2 of 5 ")
    assert halving.adopted(tmp_path, 3, None)[1] == {"learning_rate": 0.3}


def test_search_stopped_anywhere_ends_as_one_that_was_not(tmp_path: Path) -> None:
    drawn = small([0.1, 0.2, 0.3, 0.95])
    halving.search(drawn, BUDGET, tmp_path / "whole", 2, quiet)
    said: list[str] = []

    def stop(text: str) -> None:
        said.append(text)
        if len(said) in (2, 5, 9):
            raise KeyboardInterrupt

    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            halving.search(drawn, BUDGET, tmp_path / "parts", 1, stop)
    halving.search(drawn, BUDGET, tmp_path / "parts", 1, stop)
    assert lines(tmp_path / "parts") == lines(tmp_path / "whole")
    assert any(one["broke_down"] for one in lines(tmp_path / "whole"))


def test_failure_that_is_no_divergence_stops_the_search(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"status 1\): error: the disk is full"):
        halving.search(small([0.8]), BUDGET, tmp_path, 2, quiet)
    with pytest.raises(InputError, match="every trial broke down"):
        halving.search(small([0.95]), BUDGET, tmp_path / "other", 2, quiet)


def test_folder_of_another_search_is_refused(tmp_path: Path) -> None:
    halving.search(small([0.1]), BUDGET, tmp_path, 2, quiet)
    longer = BUDGET.model_copy(update={"characters": 2 * BUDGET.characters})
    for other in ((small([0.2]), BUDGET), (small([0.1]), longer)):
        with pytest.raises(InputError, match="another space or budget"):
            halving.search(*other, tmp_path, 2, quiet)


def test_nothing_is_written_for_settings_that_are_none(tmp_path: Path) -> None:
    for wrong in ({"fixed": {"hiden": 3}}, {"fixed": {"seq_length": 8, "lanes": -8}}):
        drawn = small([0.1]).model_dump(exclude_none=True)
        drawn["fixed"] |= wrong["fixed"]
        with pytest.raises(InputError, match=r"hiden|lanes|at least"):
            halving.search(space.Space.model_validate(drawn), BUDGET, tmp_path / "new", 1, quiet)
        assert not (tmp_path / "new").exists()


def training(tmp_path: Path, iterations: int) -> Training:
    file = tmp_path / "t.toml"
    file.write_text(to_toml({"learning_rate": 0.1, "iterations": iterations, "validate_every": 2}))
    return Training(tmp_path / "run", "rnn", "any", ("--config", str(file)))


def test_process_of_a_killed_campaign_is_stopped_before_its_run_goes_on(tmp_path: Path) -> None:
    one = training(tmp_path, 200)
    orphan = subprocess.Popen(one.command)
    born = psutil.Process(orphan.pid).create_time()
    one.process_file.write_text(f"{orphan.pid} {born}\n")
    while not one.validations():
        time.sleep(0.005)
    assert processes.advance([Leg(one, None)], 1, quiet) == {}
    orphan.wait()
    assert (one.folder / "saved.txt").exists()  # it was asked to stop, and not just killed
    assert one.results.exists()
    assert list(one.validations()) == list(range(2, 201, 2))


def test_training_stops_soon_after_its_rung(tmp_path: Path) -> None:
    one = training(tmp_path, 100_000)
    processes.advance([Leg(one, 20)], 1, quiet)
    reached = max(one.validations())
    assert 20 <= reached < 50_000
    processes.advance([Leg(one, 20)], 1, quiet)  # is there: nothing runs
    assert max(one.validations()) == reached


def test_process_ended_from_outside_ends_the_campaign(tmp_path: Path) -> None:
    one = training(tmp_path, 100_000)

    class Killed(Training):
        def validations(self) -> dict[int, float]:
            pid = int(self.process_file.read_text().split()[0]) if self.folder.exists() else 0
            with contextlib.suppress(psutil.NoSuchProcess):
                if pid:
                    psutil.Process(pid).kill()
            return {}

    killed = Killed(one.folder, one.model, one.corpus, one.options)
    with pytest.raises(InputError, match="ended by signal 9 before it was done"):
        processes.advance([Leg(killed, 50_000)], 1, quiet)


FILES = sorted(space.SPACES.glob("*.toml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_drawn_settings_are_those_of_the_model_within_the_budget(file: Path, tmp_path) -> None:
    found = space.read(file)
    for number in range(1, 30):
        settings = space.draw(found, 1, number, 1_500_000, 8)
        if found.model == "rnn":
            Settings(**settings)
            (tmp_path / "trial.toml").write_text(to_toml(settings))
            assert read_file(tmp_path / "trial.toml") == settings
        else:
            checked({"model": found.model} | settings)
        size = settings["seq_length"] * settings["lanes"]
        assert 1_500_000 - 8 * size < settings["iterations"] * size <= 1_500_000
        assert settings["iterations"] == 8 * settings["validate_every"]
        assert space.draw(found, 1, number, 1_500_000, 8) == settings
        assert space.draw(found, 2, number, 1_500_000, 8) != settings


def test_models_are_searched_over_the_same_settings() -> None:
    spaces = {model: space.read(space.SPACES / f"{model}.toml") for model in space.MODELS[1:]}
    spaces["rnn"] = space.read(space.SPACES / "rnn.toml")
    names = {model: set(one.drawn) for model, one in spaces.items()}
    assert names["rnn"] == names["lstm"] == names["gru"] == names["mingru"] | {"recurrent_dropout"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('model = "rnn"\nfixed = {}\ndrawn = {a = {log = [0.0, 1.0]}}', "lowest and the highest"),
        ('model = "rnn"\nfixed = {}\ndrawn = {a = {}}', "one of choice, uniform and log"),
        ('model = "rnn"\nfixed = {a = 1}\ndrawn = {a = {choice = [1]}}', "a can't be both"),
        ('model = "transformer"\nfixed = {}\ndrawn = {}', "got 'transformer'"),
    ],
)
def test_wrong_space_is_refused(content: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(content)
    with pytest.raises(InputError, match=words):
        space.read(tmp_path / "space.toml")


def test_too_few_characters_are_refused() -> None:
    with pytest.raises(InputError, match=r"at least 1,024 characters: 16 validations, 64 .* 1,000"):
        space.draw(small([0.1]), 1, 1, 1000, 16)
