"""The same run for several seeds: each is a run of its own, and together they have a spread."""

import json
import re
import signal
import statistics
from pathlib import Path

import pytest
import typer

from bptt.cli import app
from bptt.errors import InputError
from bptt.experiments import curves, seeds
from bptt.experiments.seeds_folder import SeedsFolder
from bptt.runs import folder as run_folder
from bptt.runs.log import Entry
from bptt.sessions import display, lifecycle

from ...program import TEXT, bptt, interrupted, listing, on_a_terminal
from ..sessions.test_resume import StopAt, without_times

GIVEN = {"hidden_size": 4, "seq_length": 5, "iterations": 40, "sample_every": 20,
         "validate_every": 10, "log_every": 5, "seed": 3}  # fmt: skip
OPTIONS = ["--hidden", "4", "--seq-length", "5", "--validate-every", "10"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "short.txt").write_text("abcdefgh")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def assert_same_runs(ours: SeedsFolder, theirs: SeedsFolder) -> None:
    __tracebackhide__ = True
    assert ours.read() == theirs.read()
    for mine, other in zip(ours.runs(), theirs.runs(), strict=True):
        assert mine.checkpoint.read_bytes() == other.checkpoint.read_bytes()
        assert mine.samples.read_bytes() == other.samples.read_bytes()
        assert without_times(mine) == without_times(other)
    assert ours.summarize().test == theirs.summarize().test


def test_each_seed_is_the_run_that_it_would_be_alone(folder: Path) -> None:
    many = seeds.begin("text.txt", GIVEN, 2, folder / "many", jobs=1)
    alone = lifecycle.begin("text.txt", GIVEN | {"seed": 4}, folder / "alone")
    assert many.run(4).checkpoint.read_bytes() == alone.checkpoint.read_bytes()
    assert many.run(4).config.read_bytes() == alone.config.read_bytes()


def test_summary_is_the_mean_and_sample_deviation_of_the_results(folder: Path, capsys) -> None:
    many = seeds.begin("text.txt", GIVEN, 3, None, jobs=1)
    assert many.path == Path("runs/text-seeds-1")
    summary = json.loads(many.summary.read_text())
    assert summary["n"] == 3
    assert summary["seeds"] == [3, 4, 5]
    for part in ("validation", "test"):
        found = [json.loads(run.results.read_text()) for run in many.runs()]
        bits = [one[part]["bits_per_character"] for one in found]
        assert summary[part]["values"] == bits
        assert summary[part]["mean"] == pytest.approx(sum(bits) / 3)
        variance = sum((one - sum(bits) / 3) ** 2 for one in bits) / 2
        assert summary[part]["standard_deviation"] == pytest.approx(variance**0.5)
        assert summary[part]["minimum"] == min(bits)
        assert summary[part]["maximum"] == max(bits)
        said = f"{part}: {statistics.fmean(bits):.3f} ± {variance**0.5:.3f} bits per character"
        assert said + " over 3 seeds" in capsys.readouterr().out or part == "test"
    assert many.plot.read_bytes().startswith(b"\x89PNG")
    assert "| seed 5 |" in many.card.read_text()


def test_interrupted_seeds_go_on_and_end_in_the_same_bytes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    whole = seeds.begin("text.txt", GIVEN, 3, folder / "whole", jobs=1)

    def stop_second(console, config, iteration: int) -> display.Display:
        return StopAt(console, config, iteration, stop=15 if config.seed == 4 else 0)

    monkeypatch.setattr(display, "choose", stop_second)
    with pytest.raises(SystemExit) as left:
        seeds.begin("text.txt", GIVEN, 3, folder / "many", jobs=1)
    assert left.value.code == 130
    assert "bptt train --resume" in capsys.readouterr().out.splitlines()[-1]
    many = SeedsFolder(folder / "many")
    assert not many.summary.exists()
    finished = listing(many.run(3).path)
    monkeypatch.undo()

    seeds.resume(many.path, None, {}, jobs=1)
    assert listing(many.run(3).path) == finished
    assert_same_runs(many, whole)


def test_finished_seeds_go_on_to_more_iterations(folder: Path) -> None:
    many = seeds.begin(str(folder / "text.txt"), GIVEN, 2, folder / "many", jobs=1)
    seeds.resume(many.path, None, {"iterations": 60}, jobs=1)
    longer = seeds.begin("text.txt", GIVEN | {"iterations": 60}, 2, folder / "longer", jobs=1)
    assert_same_runs(many, longer)


def test_failed_seed_is_named_and_the_others_end(folder: Path, capsys) -> None:
    many = seeds.make("text.txt", GIVEN, 3, folder / "many")
    many.run(4).checkpoint.write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match=r"1 of 3 seeds failed: seed 4 .*checkpoint.*--resume"):
        seeds.train_all(many, None, jobs=1)
    assert [run.results.exists() for run in many.runs()] == [True, False, True]
    assert not many.summary.exists()


def test_seeds_side_by_side_end_in_the_same_bytes_and_name_a_failure(folder: Path) -> None:
    whole = seeds.begin("text.txt", GIVEN, 2, folder / "whole", jobs=1)
    many = seeds.make("text.txt", GIVEN, 2, folder / "many")
    good = many.run(4).checkpoint.read_bytes()
    many.run(4).checkpoint.write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match=r"1 of 2 seeds failed: seed 4 \(status 2: error: .*check"):
        seeds.train_all(many, None, jobs=2)
    many.run(4).checkpoint.write_bytes(good)
    seeds.resume(many.path, None, {}, jobs=2)
    assert_same_runs(many, whole)


@pytest.mark.campaign
def test_progress_of_seeds_side_by_side_is_shown(folder: Path) -> None:
    command = ("train", "text.txt", *OPTIONS, "--iterations", "40", "--seeds", "2", "--jobs", "2")
    done = bptt(*command, "--out", "piped", folder=folder)
    assert done.returncode == 0, done
    said = done.stdout.splitlines()
    for seed in (1, 2):
        for iteration in (10, 20, 30, 40):
            start = f"Seed {seed}: iteration {iteration}/40  "
            assert [" validation " in line for line in said if line.startswith(start)] == [True]
    status, plain = on_a_terminal(*command, "--out", "shown", folder=folder, columns=60)
    assert status == 0
    lines = re.split(r"[\r\n]+", plain)
    assert max(map(len, lines)) <= 60
    for seed in (1, 2):
        assert any(line.startswith(f"seed {seed} ") and "/40" in line for line in lines)
    assert f"Seed {seed}: iteration 40/40" in plain


def test_seeds_one_by_one_say_how_many_there_are(folder: Path, capsys) -> None:
    seeds.begin("text.txt", GIVEN, 2, folder / "many", jobs=1)
    output = capsys.readouterr().out
    assert "Seed 3, 1 of 2 to train" in output
    assert "Seed 4, 2 of 2 to train" in output


def test_signal_is_handed_on_to_seeds_side_by_side(folder: Path) -> None:
    logs = [folder / f"many/seed-{seed}/log.jsonl" for seed in (1, 2)]
    code, output = interrupted(
        "train", "text.txt", *OPTIONS, "--iterations", "300000", "--log-every", "1",
        "--seeds", "3", "--jobs", "2", "--out", "many",
        folder=folder, by=signal.SIGTERM,
        ready=lambda: all(log.exists() and log.stat().st_size for log in logs),
    )  # fmt: skip
    assert code == 143, output
    assert "bptt train --resume many" in output.splitlines()[-1]
    for log in logs:
        assert "Stopped by SIGTERM" in log.with_name("output.txt").read_text()
        with run_folder.held(log.with_name(".lock")):
            pass  # nobody trains there any more


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["text.txt", "--seeds", "1"], "whole number of at least 2, got 1"),
        (["text.txt", "--seeds", "many"], "whole number of at least 2, got many"),
        (["text.txt", "--jobs", "2"], "--jobs needs --seeds"),
        (["text.txt", "--seeds", "2", "--jobs", "0"], "whole number of at least 1, got 0"),
        (["-", "--seeds", "2"], "not standard input"),
        (["text.txt", "--seeds", "2", "--seed", str(2**32 - 1)], "seed: .*got 4294967296"),
        (["text.txt", "--seeds", "2", "--out", "short.txt"], "short.txt exists already"),
        (["text.txt", "--seeds", "2", "--out", "/proc/many"], "can't make the run folder /proc"),
        (["short.txt", "--seeds", "2", "--out", "new/many"], "leaves nothing of short"),
        (["nowhere.txt", "--seeds", "2"], "nowhere.txt"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_seeds_refuse(arguments: list[str], said: str, folder: Path) -> None:
    before = listing(folder)
    with pytest.raises((InputError, typer.BadParameter), match=said):
        app(["train", *arguments], standalone_mode=False)
    assert listing(folder) == before


def test_resumed_folders_refuse_seeds_and_jobs_that_are_not_theirs(folder: Path) -> None:
    lifecycle.make("text.txt", GIVEN, folder / "one")
    many = seeds.make("text.txt", GIVEN, 2, folder / "many")
    before = listing(folder)
    for arguments, said in (
        (["--resume", "one", "--seeds", "2"], "one is of one seed"),
        (["--resume", "one", "--jobs", "2"], "one is one run"),
        (["--resume", "many", "--seeds", "2"], "many keeps its seeds"),
        (["--resume", "many", "--seed", "2"], "a resumed run keeps its settings"),
    ):
        with pytest.raises(InputError, match=said):
            app(["train", *arguments], standalone_mode=False)
    assert {**listing(folder), **before} == listing(folder)  # locks apart
    many.listed.write_text("{}")
    with pytest.raises(InputError, match=r"seeds\.json is damaged: seeds: field required"):
        app(["train", "--resume", "many"], standalone_mode=False)


def test_second_process_on_a_seeds_folder_refuses(folder: Path) -> None:
    many = seeds.make("text.txt", GIVEN, 2, folder / "many")
    with (
        run_folder.held(many.lock),
        pytest.raises(InputError, match=r"another process is training in .*many"),
    ):
        seeds.resume(many.path, None, {}, jobs=1)


def test_mean_curve_keeps_to_what_all_have_measured() -> None:
    def entry(iteration: int, bits: float, seconds: float) -> Entry:
        return Entry(
            iteration=iteration, loss=1.0, smooth_loss=1.0, bits_per_character=5.0,
            characters=7 * iteration, seconds=seconds, learning_rate=0.1, validation_bits=bits,
        )  # fmt: skip

    long = [entry(10, 3.0, 1.0), entry(20, 2.0, 2.0), entry(30, 1.0, 3.0)]
    short = [entry(10, 4.0, 2.0), entry(20, 4.0, 4.0)]
    middle, deviation = curves.mean([curves.validation(long), curves.validation(short)])
    assert middle.iterations.tolist() == [10, 20]
    assert middle.characters.tolist() == [70, 140]
    assert middle.seconds.tolist() == [1.5, 3.0]
    assert middle.bits.tolist() == [3.5, 3.0]
    assert deviation.tolist() == pytest.approx([0.5**0.5, 2**0.5])
    assert curves.mean([curves.validation(short)])[1].tolist() == [0.0, 0.0]


def test_command_line_says_the_spread(folder: Path) -> None:
    done = bptt("train", "text.txt", *OPTIONS, "--iterations", "20", "--seeds", "2", folder=folder)
    assert done.returncode == 0, done
    assert "bits per character over 2 seeds" in done.stdout
    assert sorted(path.name for path in (folder / "runs/text-seeds-1").iterdir()) == [
        ".lock", "card.md", "seed-1", "seed-2", "seeds.json", "seeds.png", "summary.json",
    ]  # fmt: skip
