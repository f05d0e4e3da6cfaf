"""Short runs for the tests of sessions, trained without a display."""

import json
from pathlib import Path
from typing import Any

from rich.console import Console

from bptt.runs.folder import RunFolder
from bptt.sessions import lifecycle
from bptt.sessions.display import Display
from bptt.sessions.lifecycle import Run
from bptt.sessions.session import Session

from ...program import TEXT

SIZES = {"hidden_size": 5, "seq_length": 4, "iterations": 40, "sample_every": 8}


class Silent(Display):
    def show(self, entry: object) -> None:
        pass


def make(folder: Path, name: str, **given: Any) -> Run:
    text = folder / "text.txt"
    text.write_text(TEXT)
    return lifecycle.make(str(text), SIZES | given, folder / name)


def train(run: Run) -> Session:
    made = Session(run.folder, run.config, run.training, run.progress, run.texts.validation)
    made.run(Silent(Console(quiet=True), run.config, run.training.iteration))
    return made


def said(folder: RunFolder) -> list[tuple[float, float, str | None]]:
    entries = [json.loads(line) for line in folder.log.read_text().splitlines()]
    return [(entry["loss"], entry["smooth_loss"], entry.get("sample")) for entry in entries]
