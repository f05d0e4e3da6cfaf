"""What people run, and what it leaves on disk."""

import json
import math
import re
import statistics
from importlib.metadata import version
from pathlib import Path

import pytest

from bptt.errors import harmless
from bptt.text import corpora

from ...program import SMALL, TEXT, assert_refused, bptt, on_a_terminal


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


@pytest.mark.parametrize("columns", [24, 80])
def test_terminal_shows_a_bar_that_fits_and_keeps_what_validation_said(
    columns: int, folder: Path
) -> None:
    status, plain = on_a_terminal(
        "train", "text.txt", "--hidden", 6, "--seq-length", 5, "--iterations", 60, "--sample-every",
        60, "--validate-every", 20, "--out", "run", folder=folder, columns=columns,
    )  # fmt: skip
    assert status == 0
    lines = re.split(r"[\r\n]+", plain)
    assert "60/60" in plain
    bars = [line for line in lines if "/60 " in line]
    assert bars
    assert max(len(line) for line in lines if not line.startswith("bptt ")) <= columns
    log = [json.loads(line) for line in (folder / "run/log.jsonl").read_text().splitlines()]
    validated = [entry for entry in log if "validation_bits" in entry]
    assert len(validated) == 3
    for entry in validated:
        said = rf"\b{entry['iteration']}\s+\S+\s+bits/char\s+validation\s+"
        assert re.search(f"{said}{entry['validation_bits']:.3f}", plain)


@pytest.mark.parametrize("columns", [60])
def test_last_lines_break_between_words_only(columns: int, folder: Path) -> None:
    train = ("train", "text.txt", *SMALL, "--split", "80/10/10")
    run = "a_rather_long_name_of_a_run"
    status, plain = on_a_terminal(*train, "--out", run, folder=folder, columns=columns)
    assert status == 0
    piped = bptt("train", "--resume", run, folder=folder).stdout
    last = plain[plain.rindex("Finished") :]
    assert last.split() == piped[piped.rindex("Finished") :].split()
    assert max(map(len, last.splitlines())) <= columns
    assert f"bptt sample {run}" in last
    assert "\n" in last[: last.index("log.jsonl")]


def test_error_breaks_between_words_only(folder: Path) -> None:
    status, plain = on_a_terminal("train", "no_such_text.txt", folder=folder, columns=40)
    assert status == 2
    piped = bptt("train", "no_such_text.txt", folder=folder).stderr
    assert plain.split() == piped.split()
    assert max(map(len, plain.splitlines())) <= 40


HELP = {
    "train": ["--learning-rate, --lr RATE", "Momentum of SGD (0 to below 1).", "(reference), torch",
              "(batch size)", "Network: --hidden N", "Engine: --engine", "Options: --seeds N"],
    "sample": ["0 always takes the most probable character"],
    "eval": ["[default: the run's own validation and test texts]"],
    "export": ["those of the best validation", ".pt (torch.save) or .safetensors"],
    "reproduce": ["[default: the run's own text]", "Exit status 1 if any"],
    "compare": ["Run folders and folders of --seeds"],
    "lockstep": ["Learning rate of Adagrad", "[default: 0.05]", "compared with"],
    "verify": ["Seed of the search.", "Largest number of cases"],
    "audit": ["all of which must pass", "How far from 1", "The backward pass to audit"],
    "certify": ["Seed of the initial weights", "Number of hidden units."], "corpora": [],
    "watch": ["[default: the run's validation text]", "Number of characters to read."],
    "find-the-bug": ["a backward pass with one wrong line", "it loads nothing"],
}  # fmt: skip


@pytest.mark.parametrize("command", HELP)
def test_help_speaks_of_its_own_command(command: str, folder: Path) -> None:
    done = bptt(command, "--help", folder=folder)
    assert done.returncode == 0
    assert bptt(command, "-h", folder=folder).stdout == done.stdout
    words = " ".join(done.stdout.split())
    for expected in HELP[command]:
        assert expected in words
    assert not re.findall(r"<str>|<path>|<list|\[\[CORPUS|Of CORPUS\.|[Ww]hom|\.\.\.$", words)
    if command == "eval":
        assert corpora.DEFAULT + "]" not in words
    if command == "lockstep":
        assert "adam," not in words
        assert "--clip-kind" not in words


def test_overview_cuts_no_sentence(folder: Path) -> None:
    lines = bptt("--help", folder=folder).stdout.splitlines()
    commands = lines[lines.index("Commands:") + 1 :]
    assert len(commands) == len(HELP)
    assert all(line.endswith(".") and not line.endswith("..") for line in commands)


def test_version_is_said(folder: Path) -> None:
    done = bptt("--version", folder=folder)
    assert (done.returncode, done.stdout) == (0, f"bptt {version('bptt')}\n")


def test_lr_is_the_learning_rate(folder: Path) -> None:
    done = bptt("train", "text.txt", *SMALL, "--lr", "0.25", "--out", "run", folder=folder)
    assert done.returncode == 0, done
    assert json.loads((folder / "run/config.json").read_text())["learning_rate"] == 0.25


def test_folder_of_seeds_is_named_for_what_it_is(folder: Path) -> None:
    given = ("--hidden", "6", "--seq-length", "5", "--iterations", "60", "--seeds", "2")
    done = bptt("train", "text.txt", *given, "--out", "many", folder=folder)
    assert done.returncode == 0, done
    for command in ("sample", "export"):
        out = ("--out", "model.pt") if command == "export" else ()
        refused = bptt(command, "many", *out, folder=folder)
        assert_refused(refused, "many holds several runs", "such as many/seed-1")
    assert_lines_are_those_of_the_seeds(folder)


def assert_lines_are_those_of_the_seeds(folder: Path) -> None:
    for arguments in (["--windows", "4"], ["text.txt", "--last"]):
        done = bptt("eval", "many", *arguments, folder=folder)
        assert done.returncode == 0, done
        found: dict[str, list[float]] = {}
        for seed in (1, 2):
            alone = bptt("eval", f"many/seed-{seed}", *arguments, folder=folder)
            for heading, bits, nats, scored in re.findall(
                r"^(.*): ([\d.]+) bits per character, ([\d.]+) nats \((.*)\)$", alone.stdout, re.M
            ):
                assert f"{heading} ({scored}):\n" in done.stdout
                assert f"  seed {seed}: {bits} bits per character, {nats} nats\n" in done.stdout
                found.setdefault(heading, []).append(float(bits))
                assert float(nats) == pytest.approx(float(bits) * math.log(2), abs=1e-4)
        assert len(found) == (4 if "--windows" in arguments else 2)
        means = re.findall(r"  mean: ([\d.]+) ± ([\d.]+) bits", done.stdout)
        for (mean, deviation), bits in zip(means, found.values(), strict=True):
            assert float(mean) == pytest.approx(statistics.fmean(bits), abs=2e-4)
            assert float(deviation) == pytest.approx(statistics.stdev(bits), abs=2e-4)


def test_windows_longer_than_the_text_are_refused(folder: Path) -> None:
    bptt("train", "text.txt", *SMALL, "--out", "run", folder=folder)
    done = bptt("eval", "run", "text.txt", "--windows", "228", folder=folder)
    assert_refused(done, "text: windows of 228 need a text of at least 229 characters, got 228")


def test_only_a_run_is_said_to_go_on(folder: Path) -> None:
    bptt("train", "text.txt", *SMALL, "--out", "run", folder=folder)
    (folder / "notes").mkdir()
    for name, said in (
        ("run", "Resume it: bptt train --resume run"),
        ("text.txt", "text.txt exists already, a file"),
        ("notes", "notes exists already, a folder"),
    ):
        for command in ("train", "lockstep"):
            done = bptt(command, "text.txt", "--out", name, folder=folder)
            assert_refused(done, said)
            assert ("--resume" in done.stderr) == (name == "run")


def test_control_characters_are_shown_harmlessly() -> None:
    assert harmless("a\x1b[2Jb\nc\u202e") == "a\\x1b[2Jb\nc\\u202e"
