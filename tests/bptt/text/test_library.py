"""A run's texts: opened once a command, found where they lie by now, and never scored unawares."""

import collections
import json
import shutil
from pathlib import Path

import pytest

from bptt.runs.folder import RunFolder
from bptt.sessions import lifecycle
from bptt.text import corpora
from bptt.text.library import Library

from ...program import SMALL, TEXT, assert_refused, bptt

OTHER = "The shells that she sells are sea shells, she says; she has shells to sell.\n" * 2
GIVEN = [*SMALL[2:], "--iterations", "20", "--engine", "numpy"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with texts, a run on one of them, and a run with files for validation and test."""
    folder = tmp_path_factory.mktemp("trained")
    (folder / "texts").mkdir()
    for name, text in {"text": TEXT, "watched": OTHER, "kept": OTHER[7:]}.items():
        (folder / f"texts/{name}.txt").write_text(text)
    one = bptt("train", "texts/text.txt", *GIVEN, "--out", "runs/one", folder=folder)
    files = ["--validation-file", "texts/watched.txt", "--test-file", "texts/kept.txt"]
    two = bptt("train", "texts/text.txt", *files, *GIVEN, "--out", "runs/two", folder=folder)
    assert (one.returncode, two.returncode) == (0, 0), (one, two)
    return folder


@pytest.fixture
def moved(trained: Path, tmp_path: Path) -> Path:
    """All of it at another place, and nothing left at the old one."""
    shutil.copytree(trained / "runs", tmp_path / "new/runs")
    shutil.copytree(trained / "texts", tmp_path / "new/texts")
    for config in (tmp_path / "new/runs").glob("*/config.json"):
        content = config.read_text().replace(str(trained), str(tmp_path / "old"))
        config.write_text(content)
    return tmp_path / "new"


def sources(run: Path) -> list[str]:
    config = json.loads((run / "config.json").read_text())
    parts = [part["corpus"] for part in config["parts"].values() if part and part["corpus"]]
    named = [config[name] for name in ("validation_file", "test_file") if config[name]]
    return [config["corpus"]["source"], *(part["source"] for part in parts), *named]


@pytest.mark.parametrize("run", ["one", "two"])
def test_moved_run_is_evaluated_on_the_texts_that_moved_with_it(
    run: str, moved: Path, trained: Path
) -> None:
    before = bptt("eval", f"runs/{run}", folder=trained)
    after = bptt("eval", f"runs/{run}", folder=moved)
    assert after.returncode == 0, after
    assert after.stdout == before.stdout
    assert f"read from {moved}/texts/" in after.stderr
    assert before.stderr == ""


def test_moved_run_goes_on_and_keeps_the_new_places(moved: Path) -> None:
    for name in ("one", "two"):
        run = moved / "runs" / name
        results = (run / "results.json").read_bytes()
        lifecycle.restored(RunFolder(run), None, {})
        assert (run / "results.json").read_bytes() == results
        done = bptt("train", "--resume", run, folder=moved.parent)
        assert done.returncode == 0, done
        assert all(source.startswith(f"{moved}/texts/") for source in sources(run))
        assert (run / "results.json").read_bytes() == results


@pytest.mark.parametrize("run", ["one", "two"])
def test_config_of_a_moved_run_repeats_it(run: str, moved: Path) -> None:
    done = bptt("train", "--config", f"runs/{run}/config.json", "--out", "again", folder=moved)
    assert done.returncode == 0, done
    for name in ("checkpoint.safetensors", "samples.txt"):
        again, before = moved / "again" / name, moved / f"runs/{run}" / name
        assert again.read_bytes() == before.read_bytes()
    assert sources(moved / "again")[0] == str(moved / "texts/text.txt")


def test_text_beside_the_run_is_found_without_its_folder(moved: Path) -> None:
    (moved / "texts/text.txt").rename(moved / "text.txt")
    assert bptt("eval", "runs/one", folder=moved).returncode == 0
    (moved / "text.txt").rename(moved / "runs/one/text.txt")
    assert bptt("eval", moved / "runs/one", folder=moved.parent).returncode == 0


def test_text_of_another_name_is_taken_where_it_is_given(moved: Path) -> None:
    expected = bptt("eval", "runs/one", folder=moved).stdout.splitlines()[1:]
    shutil.move(moved / "texts/text.txt", moved.parent / "renamed.txt")
    done = bptt("eval", "runs/one", "../renamed.txt", folder=moved)
    assert done.stdout.splitlines()[2:] == expected
    done = bptt("train", "../renamed.txt", "--resume", "runs/one", folder=moved)
    assert done.returncode == 0, done
    assert sources(moved / "runs/one") == [str(moved.parent / "renamed.txt")]
    assert bptt("eval", "runs/one", folder=moved).stdout.splitlines()[1:] == expected
    shutil.move(moved / "texts/kept.txt", moved.parent / "also.txt")
    done = bptt("train", "../renamed.txt", "--resume", "runs/two", "--test-file", "../also.txt",
                folder=moved)  # fmt: skip
    assert done.returncode == 0, done
    assert str(moved.parent / "also.txt") in sources(moved / "runs/two")


@pytest.mark.parametrize("instead", [None, TEXT + "More."])
def test_text_that_is_nowhere_is_asked_for(instead: str | None, moved: Path) -> None:
    (moved / "texts/text.txt").unlink()
    if instead is not None:
        (moved / "texts/text.txt").write_text(instead)
    for command, advice in (
        (["eval", "runs/one"], "Name it: bptt eval runs/one TEXT"),
        (["train", "--resume", "runs/one"], "Name it: bptt train TEXT --resume runs/one"),
        (["train", "--config", "runs/one/config.json"], "Name another: bptt train TEXT"),
    ):
        assert_refused(bptt(*command, folder=moved), f"{moved.parent}/old/texts/text.txt any more",
                       "SHA-256", advice)  # fmt: skip


def test_another_text_is_no_text_of_the_run(moved: Path) -> None:
    (moved / "other.txt").write_text(TEXT + "More.")
    for more in (["other.txt"], ["--validation-file", "other.txt"]):
        done = bptt("train", "--resume", "runs/two", *more, folder=moved)
        assert_refused(done, "trained on another text", "SHA-256")
    done = bptt("train", "--resume", "runs/one", "--validation-file", "other.txt", folder=moved)
    assert_refused(done, "a resumed run keeps its settings", "got validation-file")


def test_config_of_a_text_that_has_changed_says_so_and_takes_it(moved: Path) -> None:
    config = moved / "runs/one/config.json"
    config.write_text(config.read_text().replace(str(moved.parent / "old"), str(moved)))
    (moved / "texts/text.txt").write_text(TEXT + "More.")
    done = bptt("train", "--config", config, "--out", "again", folder=moved)
    assert done.returncode == 0, done
    assert "texts/text.txt isn't the text any more that" in done.stderr


def scored(stdout: str) -> dict[str, int]:
    lines = [line.split(": ") for line in stdout.splitlines() if " scored" in line]
    return {name: int(rest.split("(")[1].split()[0]) for name, rest in lines}


def test_own_text_is_scored_where_nothing_was_learned_from_it(trained: Path) -> None:
    shutil.copy(trained / "texts/text.txt", trained / "copy.txt")
    for text in ("texts/text.txt", "copy.txt"):
        done = bptt("eval", "runs/one", text, folder=trained)
        assert "is the run's own text. Scored is what it keeps for validation and test:" in (
            done.stdout
        )
        assert set(scored(done.stdout)) == {"validation", "test"}
        assert max(scored(done.stdout).values()) < len(TEXT) / 10
    done = bptt("eval", "runs/two", "texts/kept.txt", folder=trained)
    assert "kept is the run's own text. Scored is what it keeps for test:" in done.stdout
    assert set(scored(done.stdout)) == {"test"}
    done = bptt("eval", "runs/two", "texts/text.txt", folder=trained)
    assert "text is what the run learned from, all of it" in done.stdout
    assert scored(done.stdout) == {"text": len(TEXT) - 1}
    done = bptt("eval", "runs/one", "texts/kept.txt", folder=trained)
    assert set(scored(done.stdout)) == {"kept"}
    assert "own text" not in done.stdout


def test_evaluation_reads_a_text_as_the_run_read_its_own(tmp_path: Path) -> None:
    text = "Déjà vu, élan vital, à côté; " * 20
    (tmp_path / "text.txt").write_bytes(text.encode("latin-1"))
    (tmp_path / "other.txt").write_bytes(text[3:].encode("latin-1"))
    (tmp_path / "utf-8.txt").write_bytes(text[3:].encode())
    done = bptt("train", "text.txt", *GIVEN, "--encoding", "latin-1", "--out", "run",
                folder=tmp_path)  # fmt: skip
    assert done.returncode == 0, done
    for arguments in (["other.txt"], ["utf-8.txt", "--encoding", "utf-8"]):
        done = bptt("eval", "run", *arguments, folder=tmp_path)
        assert done.returncode == 0, done
        assert f"({len(text) - 4:,} characters scored)" in done.stdout


def test_text_that_the_run_mostly_never_saw_is_warned_of_once(trained: Path) -> None:
    (trained / "strange.txt").write_text("ΞΨΩ " * 50)
    (trained / "odd.txt").write_text("ΞΨ" + TEXT)
    said = "75% of the 200 characters of strange"
    done = bptt("eval", "runs/one", "strange.txt", folder=trained)
    assert said in done.stderr
    assert "not scored" in done.stderr
    assert bptt("eval", "runs/one", "odd.txt", folder=trained).stderr == ""
    done = bptt("train", "texts/text.txt", "--validation-file", "strange.txt", "--seeds", "2",
                *GIVEN, folder=trained)  # fmt: skip
    assert done.returncode == 0, done
    assert done.stderr.count(said) == 1


def opened(monkeypatch: pytest.MonkeyPatch) -> collections.Counter[str]:
    """Count from now on how often each file in a folder of texts is opened."""
    counts: collections.Counter[str] = collections.Counter()
    really = Path.open

    def counting(path: Path, *arguments, **more):
        if path.suffix == ".txt" and path.name != "samples.txt":
            counts[path.name] += 1
        return really(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", counting)
    return counts


@pytest.mark.parametrize("seeds", [[], ["--seeds", "3"]], ids=" ".join)
def test_each_text_is_opened_once_a_command(seeds: list[str], tmp_path, monkeypatch) -> None:
    for name, text in {"text": TEXT, "watched": OTHER, "kept": OTHER[7:]}.items():
        (tmp_path / f"{name}.txt").write_text(text)
    once = {"text.txt": 1, "watched.txt": 1, "kept.txt": 1}
    files = ["--validation-file", "watched.txt", "--test-file", "kept.txt"]
    counts = opened(monkeypatch)
    commands = [["train", "text.txt", *files, *GIVEN, *seeds, "--out", "run"],
                ["train", "--resume", "run", "--iterations", "25"]]  # fmt: skip
    config = "run/seed-1/config.json" if seeds else "run/config.json"
    commands += [["train", "--config", config, *seeds, "--out", "again"]]
    for command in commands:
        counts.clear()
        done = bptt(*command, folder=tmp_path)
        assert done.returncode == 0, done
        assert counts == once, command
    if not seeds:
        counts.clear()
        assert bptt("eval", "run", folder=tmp_path).returncode == 0
        assert counts == {"watched.txt": 1, "kept.txt": 1}


def test_one_file_for_everything_is_opened_once(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    counts = opened(monkeypatch)
    library = Library()
    texts = [library.open(str(tmp_path / "text.txt"), units=units)
             for units in (None, "characters")]  # fmt: skip
    assert texts[0] is texts[1] is library.open(texts[0].source, "utf-8", "characters")
    assert counts == {"text.txt": 1}
    assert library.open(texts[0].source, "latin-1") is not texts[0]
    assert library.open(corpora.DEFAULT) is library.open(corpora.DEFAULT)
