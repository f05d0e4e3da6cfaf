"""What is done to a disk before a crash, and what a person does after it."""

import contextlib
import csv
import io
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bptt.experiments import curve_plots, seeds
from bptt.runs import ending, plots
from bptt.sessions import lifecycle
from bptt.text import corpora
from bptt.text.encoded import open_corpus

from ...program import TEXT
from .recording import Tree, read_tree

MEMORY = Path("/dev/shm")  # a flush takes no time there
SMALL: dict[str, Any] = {
    "hidden_size": 3, "seq_length": 4, "iterations": 10, "sample_every": 4,
    "checkpoint_every": 3, "validate_every": 4, "log_every": 2, "learning_rate": 0.01,
}  # fmt: skip
SMALLEST_CACHED = 100  # bytes of a text that is cached here


@dataclass(frozen=True)
class Scenario:
    """`prepare` sets a folder up, `act` is what a crash hits; both get the folder.

    `recover` is what a person does after the crash to have what `act` would have given.
    """

    name: str
    prepare: Callable[[Path], Any]
    act: Callable[[Path], Any]
    recover: Callable[[Path], Any]


def prepare_text(folder: Path) -> None:
    (folder / "text.txt").write_text(TEXT)


def _begin(folder: Path, **given: Any) -> None:
    lifecycle.begin(str(folder / "text.txt"), SMALL | given, folder / "runs/run")


def _resume(folder: Path, **given: Any) -> None:
    lifecycle.resume(folder / "runs/run", None, given)


def _begin_or_resume(folder: Path, **given: Any) -> None:
    """Do what the program advises: resume the run if it is there, else begin it."""
    if (folder / "runs/run").exists():
        _resume(folder)
    else:
        _begin(folder, **given)


def of_a_run(name: str, **given: Any) -> Scenario:
    return Scenario(
        name,
        prepare_text,
        lambda folder: _begin(folder, **given),
        lambda folder: _begin_or_resume(folder, **given),
    )


def of_more_iterations(name: str, iterations: int, further: int, **given: Any) -> Scenario:
    """A finished run is resumed to go on; it had better forget that it was at an end."""

    def prepare(folder: Path) -> None:
        prepare_text(folder)
        _begin(folder, iterations=iterations, **given)

    def recover(folder: Path) -> None:
        _resume(folder)  # to whichever end it knows of; from there it must go on all the same
        _resume(folder, iterations=further)

    return Scenario(name, prepare, lambda folder: _resume(folder, iterations=further), recover)


def of_seeds(name: str, **given: Any) -> Scenario:
    def begin(folder: Path) -> None:
        seeds.begin(str(folder / "text.txt"), SMALL | given, 2, folder / "many", 1)

    def recover(folder: Path) -> None:
        if (folder / "many").exists():
            seeds.resume(folder / "many", None, {}, 1)
        else:
            begin(folder)

    return Scenario(name, prepare_text, begin, recover)


def of_more_seeds(name: str, iterations: int, further: int) -> Scenario:
    def prepare(folder: Path) -> None:
        prepare_text(folder)
        given = SMALL | {"iterations": iterations}
        seeds.begin(str(folder / "text.txt"), given, 2, folder / "many", 1)

    def go_on(folder: Path) -> None:
        seeds.resume(folder / "many", None, {"iterations": further}, 1)

    return Scenario(name, prepare, go_on, go_on)


def of_a_cache(name: str) -> Scenario:
    """An entry of the cache is made; afterwards the text must be read right, from it or anew."""

    def read(folder: Path) -> None:
        text = open_corpus(str(folder / "text.txt"))
        letters = "".join(text.vocabulary.symbols[index] for index in text.indices)
        assert letters == TEXT, "the cache gave another text"

    return Scenario(name, prepare_text, read, read)


SCENARIOS = [
    of_a_run("run"),
    of_a_run("run whose end is not its best", learning_rate=1.0, iterations=11),
    of_a_run("run with diagnostics", diagnostics=True),
    of_a_run("compiled run", engine="fast", learn_initial_state=True, optimizer="adam"),
    of_more_iterations("longer run", 10, 14),
    of_more_iterations("longer run whose end was the best", 11, 15, validate_every=6),
    of_seeds("seeds", iterations=5),
    of_more_seeds("longer seeds", 4, 6),
    of_a_cache("cache"),
]


NETWORK = ["--hidden", "3", "--seq-length", "4", "--learning-rate", "0.01", "--checkpoint-every",
           "3", "--validate-every", "4", "--log-every", "2"]  # fmt: skip
# Commands of which every call fails once.
COMMANDS = {
    "train": ["train", "text.txt", "--out", "runs/run", *NETWORK, "--iterations", "10",
              "--sample-every", "4"],
    "seeds": ["train", "text.txt", "--out", "many", *NETWORK, "--iterations", "4", "--seeds", "2"],
}  # fmt: skip


@contextmanager
def surroundings() -> Iterator[Path]:
    """Yield a folder to work in, quickly: in memory, with pictures that are not drawn.

    What would be drawn is written in place of the picture. The cache lies in the folder, and small
    texts are cached, too.
    """
    place = MEMORY if MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(dir=place) as name, pytest.MonkeyPatch.context() as patch:
        folder = Path(name).resolve() / "disk"
        folder.mkdir()
        patch.setattr(ending, "LENGTH", 30)
        patch.setattr(plots, "loss", _drawn)
        patch.setattr(curve_plots, "seeds", lambda *given: b"drawn")
        patch.setattr(corpora, "IN_MEMORY", SMALLEST_CACHED)
        patch.setattr("bptt.runs.diagnostics_plot.gradient_flow", lambda *given: b"drawn")
        patch.setenv("BPTT_CACHE", str(folder / "cache"))
        yield folder


def _drawn(entries: list[Any], *others: Any) -> bytes:
    return repr([(entry.iteration, entry.loss) for entry in entries]).encode()


def quietly(work: Callable[[Path], Any], folder: Path) -> str:
    """Do the work and return what it prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        work(folder)
    return said.getvalue()


def put(tree: Tree, folder: Path) -> None:
    """Make a folder hold a tree and nothing else."""
    for old in folder.iterdir():
        if old.is_dir():
            shutil.rmtree(old)
        else:
            old.unlink()
    for name, content in tree.items():
        if content is None:
            (folder / name).mkdir(parents=True, exist_ok=True)
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)


def results(folder: Path) -> dict[str, Any]:
    """Return every file of the runs, without the seconds and what processes leave aside."""
    return {
        name: _without_seconds(name, content)
        for name, content in read_tree(folder).items()
        if content is not None and not _is_aside(name)
    }


def _is_aside(name: str) -> bool:
    inside_partial = any(part.endswith(".partial") for part in Path(name).parts)
    return inside_partial or name.startswith("cache/") or name.endswith((".tmp", ".lock"))


def left_aside(folder: Path) -> set[str]:
    """Return the names of temporary folders and files that nothing removed."""
    return {name for name in read_tree(folder) if name.endswith((".partial", ".tmp"))}


def _without_seconds(name: str, content: bytes) -> Any:
    match Path(name).name:
        case "log.jsonl" | "results.json":
            lines = content.splitlines() if name.endswith(".jsonl") else [content]
            return [{**json.loads(line), "seconds": None} for line in lines]
        case "summary.json":
            return {**json.loads(content), "seconds": None}
        case "log.csv":
            return [
                {**row, "seconds": None} for row in csv.DictReader(io.StringIO(content.decode()))
            ]
        case "card.md":
            return re.sub(r"(?m)[0-9.,]+ s\.|(?<=^\| seed ).*\|", "", content.decode())
    return content
