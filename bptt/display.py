"""What a person sees of a run: a progress bar on a terminal, plain lines elsewhere."""

import time
import unicodedata
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from .config import Config
from .log import Entry


class Display(Protocol):
    def show(self, entry: Entry) -> None: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


def harmless(text: str) -> str:
    """Write control characters as escapes: a corpus must not steer somebody's terminal."""
    return "".join(
        repr(letter)[1:-1]
        if unicodedata.category(letter) in ("Cc", "Cf", "Cs") and letter != "\n"
        else letter
        for letter in text
    )


class Speed:
    """Characters a second since the display began."""

    def __init__(self, characters: int) -> None:
        self._characters = characters
        self._begun = time.perf_counter()

    def measure(self, characters: int) -> float:
        return (characters - self._characters) / (time.perf_counter() - self._begun)


class Bar:
    """A live progress bar, and each sample above it as it is written."""

    def __init__(self, console: Console, config: Config, iteration: int) -> None:
        self._console = console
        self._config = config
        self._iteration = iteration
        self._progress = Progress(
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            BarColumn(bar_width=None),
            TextColumn("{task.description}"),
            TimeRemainingColumn(compact=True),
            console=console,
        )
        self._task = self._progress.add_task("", total=config.iterations, completed=iteration)

    def show(self, entry: Entry) -> None:
        if entry.sample is not None:
            self._console.print(
                Text(f"{entry.iteration}  {entry.bits_per_character:.3f} bits/char", "bold")
            )
            self._console.print(Text(harmless(entry.sample) + "\n"))
        speed = self._speed.measure(entry.characters)
        self._progress.update(
            self._task,
            completed=entry.iteration,
            description=(
                f"{entry.smooth_loss:.1f} nats {entry.bits_per_character:.3f} bits/char "
                f"{speed:,.0f} chars/s"
            ),
        )

    def __enter__(self) -> Self:
        self._speed = Speed(self._iteration * self._config.seq_length)
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._progress.stop()


class Lines:
    """A line for each sample and its loss: for files and pipes."""

    def __init__(self, console: Console, config: Config, iteration: int) -> None:
        self._console = console
        self._config = config
        self._iteration = iteration

    def show(self, entry: Entry) -> None:
        if entry.sample is None and entry.iteration != self._config.iterations:
            return
        speed = self._speed.measure(entry.characters)
        left = (self._config.iterations - entry.iteration) * self._config.seq_length / speed
        self._print(
            f"iteration {entry.iteration}/{self._config.iterations}  "
            f"{entry.smooth_loss:.3f} nats/window  {entry.bits_per_character:.4f} bits/char  "
            f"{speed:.0f} chars/s  {left:.0f} s left"
        )
        if entry.sample is not None:
            self._print("  " + harmless(entry.sample).replace("\n", "\n  "))

    def _print(self, line: str) -> None:
        self._console.out(line, highlight=False)

    def __enter__(self) -> Self:
        self._speed = Speed(self._iteration * self._config.seq_length)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._console.file.flush()


def choose(console: Console, config: Config, iteration: int) -> Display:
    kind = Bar if console.is_terminal else Lines
    return kind(console, config, iteration)
