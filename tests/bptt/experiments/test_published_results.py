"""A card or a protocol alone is enough to train again and to compare the bits."""

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bptt import figures
from bptt.experiments import seeds
from bptt.runs import results
from bptt.runs.folder import RunFolder
from bptt.sessions import lifecycle

from ...program import TEXT, assert_refused, bptt

SMALL = {"hidden_size": 5, "seq_length": 7, "iterations": 20, "validate_every": 7,
         "sample_every": 20, "lanes": 2, "clip": None}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def without_pictures() -> Iterator[None]:
    """Nothing here is about them, and they take most of a short run's time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(figures, "write", lambda path, draw: False)
        yield


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    (folder / "text.txt").write_text(TEXT)
    (folder / "other.txt").write_text(TEXT + "!")
    (folder / "held.txt").write_text(TEXT.upper() + TEXT)
    text = str(folder / "text.txt")
    lifecycle.begin(text, SMALL | {"validation_file": str(folder / "held.txt")}, folder / "run")
    seeds.begin(text, SMALL, 2, folder / "many", jobs=1)
    return folder


@pytest.fixture
def away(trained: Path, tmp_path: Path) -> Iterator[Path]:
    """A folder with the cards, and the texts under other names, which only a person knows."""
    shutil.copy(trained / "run/card.md", tmp_path / "run.md")
    shutil.copy(trained / "many/card.md", tmp_path / "many.md")
    for name in ("text", "other", "held"):
        (trained / f"{name}.txt").rename(trained / f"{name}.hidden")
        shutil.copy(trained / f"{name}.hidden", tmp_path / f"my {name}")
    yield tmp_path
    for name in ("text", "other", "held"):
        (trained / f"{name}.hidden").rename(trained / f"{name}.txt")


def test_card_beside_its_text_is_enough(trained: Path, tmp_path: Path) -> None:
    shutil.copy(trained / "run/card.md", tmp_path / "any.md")
    done = bptt("reproduce", "any.md", folder=tmp_path)
    assert done.returncode == 0, done
    final = results.read(RunFolder(trained / "run").results).final_weights
    assert done.stdout.splitlines()[-1] == (
        f"The same bits: the best and the last ones (SHA-256 {final})."
    )


def test_moved_texts_are_named_and_checked(away: Path) -> None:
    card = ("reproduce", "run.md")
    held = ("--validation-file", "my held")
    assert bptt(*card, "my text", *held, folder=away).returncode == 0
    right, wrong = (sha256(away / name) for name in ("my text", "my other"))
    assert_refused(bptt(*card, "my other", *held, folder=away), right, wrong)
    done = bptt(*card, "my text", "--validation-file", "my other", folder=away)
    assert_refused(done, sha256(away / "my held"), wrong)
    assert_refused(bptt(*card, folder=away), right, "bptt reproduce run.md TEXT")
    done = bptt(*card, "my text", folder=away)
    assert_refused(done, "bptt reproduce run.md --validation-file FILE")
    done = bptt(*card, "my text", *held, "--test-file", "my text", folder=away)
    assert_refused(done, "run.md names no test_file, got my text")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_protocol_of_several_seeds_tells_which_has_other_bits(away: Path) -> None:
    block = re.search(r"```toml\n(.*?)```", (away / "many.md").read_text(), re.DOTALL)
    assert block is not None
    digests = re.findall('final_weights = "(.*)"', block[1])
    assert len(set(digests)) == 2
    (away / "p.toml").write_text(block[1].replace(digests[1], "0" * 64))
    done = bptt("reproduce", "p.toml", "my text", folder=away)
    assert done.returncode == 1, done
    lines = [line for line in done.stdout.splitlines() if re.match("seed .* on|.* bits:", line)]
    assert lines == [
        "seed 1 on text:",
        f"The same bits: the best and the last ones (SHA-256 {digests[0]}).",
        "seed 2 on text:",
        "Other bits: the last weights differ; since when isn't known, as p.toml has no digests of "
        "checkpoints.",
    ]
    assert "Note: the bits of --engine numpy depend on the processor" in done.stdout
    one = ("reproduce", "p.toml", "my text", "--seed", "1", "--out", "again")
    assert bptt(*one, folder=away).returncode == 0
    assert (away / "again/results.json").exists()
    assert_refused(bptt(*one[:3], "--seed", "3", folder=away), "has seed 1, 2, got --seed 3")
    assert_refused(bptt(*one[:3], "--out", "b", folder=away), "has 2: choose --seed")


def test_text_chooses_among_results_on_several(away: Path) -> None:
    content = re.search(r"```toml\n(.*?)```", (away / "many.md").read_text(), re.DOTALL)
    assert content is not None
    right, other = (sha256(away / name) for name in ("my text", "my other"))
    head, first, second = content[1].split("[[results]]\n")
    first = first.replace(right, "f" * 64)
    (away / "p.toml").write_text("[[results]]\n".join([head, first, second]))
    done = bptt("reproduce", "p.toml", "my text", folder=away)
    assert done.returncode == 0, done
    assert "seed 1" not in done.stdout
    done = bptt("reproduce", "p.toml", "my other", folder=away)
    assert_refused(done, right, "f" * 64, other)
