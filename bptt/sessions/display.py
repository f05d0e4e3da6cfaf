"""The display of a run in training: a progress bar on a terminal, plain lines elsewhere."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn, track
from rich.text import Text

from ..errors import harmless
from ..runs import smoothing
from ..runs.config import Config
from ..runs.log import Entry

FIRST_LINE, BETWEEN_LINES = 2.0, 5.0  # seconds

Item = TypeVar("Item")


def watched(console: Console, items: Iterable[Item], doing: str, total: int) -> Iterator[Item]:
    """Yield the items and show progress: a bar on a terminal, elsewhere a line now and then.

    `doing` names the work, `total` is the number of items. The first line comes after two seconds;
    lines say how much time is left.
    """
    if console.is_terminal:
        yield from track(items, doing, total=total, console=console, transient=True)
        return
    begun = time.perf_counter()
    due = begun + FIRST_LINE
    for done, item in enumerate(items, 1):
        yield item
        now = time.perf_counter()
        if now >= due and done < total:
            left = (now - begun) / done * (total - done)
            console.print(f"{doing}: {done / total:.0%}, about {left:.0f} s left", markup=False)
            due = now + BETWEEN_LINES


class Display(ABC):
    """Shows the entries of a run's log as they come, inside its `with` block."""

    def __init__(self, console: Console, config: Config, iteration: int) -> None:
        self._console = console
        self._config = config
        self._begun_at = iteration * config.window_size

    @abstractmethod
    def show(self, entry: Entry) -> None: ...

    def _bits(self, entry: Entry) -> float:
        return smoothing.bits_at(self._config, entry)

    def _speed(self, entry: Entry) -> float:
        """Return the characters per second since the display was entered."""
        return (entry.characters - self._begun_at) / (time.perf_counter() - self._begun)

    def __enter__(self) -> "Display":
        self._begun = time.perf_counter()
        return self

    def __exit__(self, *error: object) -> None:
        self._console.file.flush()


class Bar(Display):
    """A live progress bar; validations and samples are printed above it."""

    def __init__(self, console: Console, config: Config, iteration: int) -> None:
        super().__init__(console, config, iteration)
        columns = [
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            BarColumn(bar_width=None),
            TextColumn("{task.description}"),
            TimeRemainingColumn(compact=True),
        ]
        if console.width < 50:
            columns = [columns[0], columns[2]]
        self._progress = Progress(*columns, console=console)
        self._validation_bits: float | None = None
        self._task = self._progress.add_task("", total=config.iterations, completed=iteration)

    def show(self, entry: Entry) -> None:
        if entry.validation_bits is not None:
            self._validation_bits = entry.validation_bits
        if (entry.sample, entry.validation_bits) != (None, None):
            heading = f"{entry.iteration}  {self._bits(entry):.3f} bits/char"
            if entry.validation_bits is not None:
                heading += f"  validation {entry.validation_bits:.3f}"
            self._console.print(Text(heading, "bold"))
        if entry.sample is not None:
            self._console.print(Text(harmless(entry.sample) + "\n"))
        self._progress.update(
            self._task, completed=entry.iteration, description=self._description(entry)
        )

    def _description(self, entry: Entry) -> str:
        parts = [f"{self._bits(entry):.3f} bits/char"]
        if self._validation_bits is not None and self._console.width >= 50:
            parts.append(f"validation {self._validation_bits:.3f}")
        if self._console.width >= 70:
            parts.append(f"{self._speed(entry):,.0f} chars/s")
        return "  ".join(parts)

    def __enter__(self) -> "Bar":
        super().__enter__()
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()
        super().__exit__(*error)


class Lines(Display):
    """A line for each sample or validation, for files and pipes."""

    def show(self, entry: Entry) -> None:
        said = (entry.sample, entry.validation_bits)
        if said == (None, None) and entry.iteration != self._config.iterations:
            return
        speed, validation = self._speed(entry), entry.validation_bits
        left = (self._config.iterations - entry.iteration) * self._config.window_size / speed
        self._print(
            f"iteration {entry.iteration}/{self._config.iterations}  "
            f"{self._bits(entry):.4f} bits/char  "
            + ("" if validation is None else f"validation {validation:.4f}  ")
            + f"{speed:.0f} chars/s  {left:.0f} s left"
        )
        if entry.sample is not None:
            self._print("  " + harmless(entry.sample).replace("\n", "\n  "))

    def _print(self, line: str) -> None:
        self._console.out(line, highlight=False)


def choose(console: Console, config: Config, iteration: int) -> Display:
    """Return the display that suits the console; training continues from `iteration`."""
    kind = Bar if console.is_terminal else Lines
    return kind(console, config, iteration)
