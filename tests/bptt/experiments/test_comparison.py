"""Runs beside each other, and the card that each carries."""

import json
import math
import re
import shutil
from pathlib import Path

import pytest

from bptt.cli import app
from bptt.errors import InputError
from bptt.experiments import seeds
from bptt.runs import card
from bptt.sessions import lifecycle

from ...program import TEXT, listing

SMALL = {"hidden_size": 4, "seq_length": 5, "iterations": 40, "sample_every": 20,
         "validate_every": 10, "log_every": 5}  # fmt: skip


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("compared")
    (folder / "text.txt").write_text(TEXT)
    (folder / "other.txt").write_text(TEXT.swapcase())  # as long, and cut the same
    text = str(folder / "text.txt")
    lifecycle.begin(text, SMALL, folder / "small")
    lifecycle.begin(text, SMALL | {"hidden_size": 7, "lanes": 3}, folder / "large")
    lifecycle.begin(str(folder / "other.txt"), SMALL, folder / "other")
    lifecycle.begin(text, SMALL | {"split": "all"}, folder / "whole")
    seeds.begin(text, SMALL, 2, folder / "many", jobs=1)
    lifecycle.make(text, SMALL, folder / "begun")
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(trained, tmp_path / "runs")
    monkeypatch.chdir(tmp_path / "runs")
    return tmp_path / "runs"


def compared(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    app(["compare", *arguments], standalone_mode=False)
    return capsys.readouterr().out


def bits(run: Path, part: str) -> str:
    return f"{json.loads((run / 'results.json').read_text())[part]['bits_per_character']:.3f}"


def test_table_has_what_differs_and_above_it_what_all_share(
    folder: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shared, header, _, small, large, *rest = compared(capsys, "small", "large").splitlines()
    assert shared == (
        "corpus text, engine numpy, dtype float64, T 5, optimizer adagrad, rate 0.05, iterations 40"
    )
    assert header.split() == [
        "run", "H", "lanes", "characters", "seconds", "chars/s", "validation", "test",
    ]  # fmt: skip
    assert small.split()[:4] == ["small", "4", "1", "200"]
    assert large.split()[:4] == ["large", "7", "3", "600"]
    for name, row in (("small", small), ("large", large)):
        expected = [bits(folder / name, part) for part in ("validation", "test")]
        assert row.split()[-2:] == expected
    assert rest == []
    assert max(map(len, (header, small, large))) <= 80


@pytest.mark.parametrize("columns", ["20", "60", "200"])
def test_no_width_cuts_a_figure(columns: str, folder: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    output = compared(capsys, "small", "large", "many", "whole")
    assert "…" not in output
    for run in ("small", "large"):
        assert bits(folder / run, "test") in output
    summary = json.loads((folder / "many/summary.json").read_text())
    spread = summary["test"]
    assert f"{spread['mean']:.3f} ± {spread['standard_deviation']:.3f}" in output


def test_different_validation_texts_are_warned_of(folder: Path, capsys) -> None:
    assert "can't be compared" in compared(capsys, "small", "other")
    assert "can't be compared" not in compared(capsys, "small", "large", "many", "whole")


def test_unfinished_run_is_shown_as_far_as_its_log_goes(folder: Path, capsys) -> None:
    best = bits(folder / "small", "validation")
    (folder / "small/results.json").unlink()
    output = compared(capsys, "small", "begun")
    assert "small is not finished" in output
    assert "begun is not finished" in output
    row = next(line for line in output.splitlines() if line.startswith("small "))
    assert row.split()[-2:] == [best, "-"]
    row = next(line for line in output.splitlines() if line.startswith("begun "))
    assert row.split()[-2:] == ["-", "-"]


def test_runs_of_one_name_are_told_apart_by_their_paths(
    folder: Path, capsys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shutil.copytree(folder / "large", folder / "elsewhere/small")
    output = compared(capsys, "small", "elsewhere/small")
    runs = [line.split()[0] for line in output.splitlines() if "small" in line]
    assert runs == ["small", "elsewhere/small"]


@pytest.mark.parametrize(
    "runs",
    [["small"], ["whole"], ["begun"], ["many"], ["small", "large", "other", "whole", "many"]],
    ids=" ".join,
)
def test_curves_of_any_runs_can_be_drawn(runs: list[str], folder: Path, capsys) -> None:
    output = compared(capsys, *runs, "--out", "all.png")
    assert output.splitlines()[-1] == "all.png shows their curves."
    assert (folder / "all.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_no_run_is_left_out_with_a_warning(folder: Path, capsys) -> None:
    (folder / "lockstep-1").mkdir()
    (folder / "lockstep-1/lockstep.json").write_text("{}")
    shutil.copytree(folder / "small", folder / "damaged")
    (folder / "damaged/results.json").write_text('{"iterations": 3}')
    (folder / "dangling").symlink_to("nowhere")
    capsys.readouterr()
    app(["compare", *sorted(path.name for path in folder.iterdir())], standalone_mode=False)
    output, errors = capsys.readouterr()
    for run in ("small", "large", "many", "whole", "other", "begun"):
        assert any(line.startswith(run + " ") for line in output.splitlines()), run
    warned = [line.removeprefix("warning: left out: ") for line in errors.splitlines()]
    assert [line.split()[0] for line in warned] == [
        "damaged/results.json", "dangling", "lockstep-1", "other.txt", "text.txt",
    ]  # fmt: skip
    assert warned[2] == "lockstep-1 is no run folder: it has no config.json"


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_runs_are_compared_in_tables_that_fit(columns: int, folder: Path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = compared(capsys, "small", "large", "many", "whole").splitlines()
    headers = [n for n, line in enumerate(lines) if line.startswith("run ")]
    assert headers
    names = [name for n in headers for name in lines[n].split()[1:]]
    assert len(names) == len(set(names))
    assert {"validation", "test", "seconds", "chars/s", "H", "lanes", "split"} <= set(names)
    for n in headers:
        assert [line.split()[0] for line in lines[n + 2 : n + 6]] == [
            "small", "large", "many", "whole",
        ]  # fmt: skip
    assert max(map(len, lines[headers[0] :])) <= columns


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], "nowhere is no run folder"),
        (["small", "nowhere"], "nowhere is no run folder: nothing is there"),
        (
            ["text.txt", "empty"],
            "no run to compare: text.txt is no run folder but a file; empty is",
        ),
        (["damaged"], r"results\.json is damaged: iteration: field required"),
        (["small", "--out", "all.txt"], r"ends in \.png, got all\.txt"),
        (["small", "--out", "nowhere/all.png"], "there is no folder nowhere"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_compare_refuses(arguments: list[str], said: str, folder: Path) -> None:
    shutil.copytree(folder / "small", folder / "damaged")
    (folder / "damaged/results.json").write_text('{"iterations": 3}')
    (folder / "empty").mkdir()
    before = listing(folder)
    with pytest.raises(InputError, match=said):
        app(["compare", *arguments], standalone_mode=False)
    assert listing(folder) == before


def test_card_says_what_the_run_came_to(folder: Path) -> None:
    text = (folder / "small/card.md").read_text()
    results = json.loads((folder / "small/results.json").read_text())
    config = json.loads((folder / "small/config.json").read_text())
    for part in ("validation", "test"):
        one = results[part]
        bits = one["bits_per_character"]
        row = f"| {part} | {bits:.4f} | {bits * math.log(2):.4f} | {one['scored']} | 0 |"
        assert row in text
    assert config["corpus"]["sha256"] in text
    assert "| guessing among all symbols | 3.9069 |" in text  # log2 of 15
    assert "\nhidden_size = 4\n" in text
    assert "(loss.png)" in text
    assert config["versions"]["numpy"] in text
    weights = 2 * 4 * 15 + 4 * 4 + 4 + 15
    assert f"{weights} weights" in text


@pytest.mark.parametrize("run", ["small", "many/seed-2", "many"])
def test_command_on_the_card_repeats_the_run(run: str, folder: Path, monkeypatch) -> None:
    text = (folder / run / "card.md").read_text()
    (command,) = re.findall(r"^bptt (train .*)$", text, re.MULTILINE)
    monkeypatch.chdir(folder / run)
    app([*command.split(), "--out", "again"], standalone_mode=False)
    for checkpoint in (folder / run / "again").rglob("checkpoint.safetensors"):
        original = folder / run / checkpoint.relative_to(folder / run / "again")
        assert checkpoint.read_bytes() == original.read_bytes()
    assert (folder / run / "again/card.md").exists()


def test_text_of_backticks_stays_inside_its_fence(tmp_path: Path) -> None:
    (tmp_path / "ticks.txt").write_text("````````\n# no heading\n" * 20)
    given = SMALL | {"sample_temperature": 2.0}
    run = lifecycle.begin(str(tmp_path / "ticks.txt"), given, tmp_path / "run")
    inside = 0
    fence = ""
    for line in run.card.read_text().splitlines():
        if not fence and (opened := re.match("(`{3,})(text|toml)$", line)):
            fence = opened[1]
        elif line == fence:
            fence = ""
        elif fence:
            inside += 1
        elif line.startswith("#"):
            assert line.lstrip("# ") in (
                "A character-level recurrent network on ticks", "Data", "Protocol", "Samples",
                "Again", "To cite", "Limits",
            )  # fmt: skip
    assert fence == ""
    assert inside > 1


def test_card_cites_the_title_of_the_citation_file() -> None:
    citation = (Path(__file__).parents[3] / "CITATION.cff").read_text()
    assert f'title: "{card.TITLE}"' in citation
