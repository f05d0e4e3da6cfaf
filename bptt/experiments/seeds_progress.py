"""The progress of several seeds that train in other processes, read from their logs."""

from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from ..runs.config import Config
from ..runs.folder import RunFolder
from ..runs.log import Entry

NARROW = 60  # columns, below which there is no room for a bar


class Tail:
    """Reads the lines that a log gains from now on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = path.stat().st_size

    def entries(self) -> list[Entry]:
        """Return the new complete lines; a resumed run may have shortened its log."""
        with self._path.open("rb") as file:
            file.seek(min(self._read, self._path.stat().st_size))
            self._read = file.tell()
            lines = file.read().split(b"\n")
        found = []
        for line in lines[:-1]:
            self._read += len(line) + 1
            try:
                found.append(Entry.model_validate_json(line))
            except ValidationError:
                continue  # the rest of a line, if the log was shortened
        return found


class SeedsProgress:
    """A progress bar for each seed in training, on a terminal, and a line for each validation."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = [
            TextColumn("{task.description}"),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            BarColumn(bar_width=None),
            TextColumn("{task.fields[bits]}"),
            TimeRemainingColumn(compact=True),
        ]
        if console.width < NARROW:
            del columns[2]
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._seeds: dict[int, tuple[Tail, TaskID, Config]] = {}

    def begin(self, seed: int, run: RunFolder) -> None:
        config = run.read_config()
        task = self._progress.add_task(f"seed {seed}", total=config.iterations, bits="")
        self._seeds[seed] = Tail(run.log), task, config

    def look(self) -> None:
        """Show what has come to the logs since the last call."""
        for seed, (tail, task, config) in self._seeds.items():
            for entry in tail.entries():
                bits = f"{entry.bits_per_character:.3f} bits/char"
                self._progress.update(task, completed=entry.iteration, bits=bits)
                if entry.validation_bits is not None:
                    self._console.print(
                        f"Seed {seed}: iteration {entry.iteration}/{config.iterations}  {bits}  "
                        f"validation {entry.validation_bits:.3f}",
                        markup=False,
                    )

    def end(self, seed: int) -> None:
        self.look()
        _, task, _ = self._seeds.pop(seed)
        self._progress.remove_task(task)

    def __enter__(self) -> "SeedsProgress":
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()
