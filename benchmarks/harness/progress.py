"""The progress display: a bar on a terminal, plain lines elsewhere."""

from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar


class Progress:
    """A context manager; printed lines stay, the bar disappears at the end."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = console.is_terminal
        self._done, self._total = 0, 1
        self._bar = Bar(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TimeRemainingColumn(compact=True),
            console=console,
            transient=True,
            disable=not self._live,
        )
        self._task = self._bar.add_task("", total=None, visible=False)

    def head(self, heading: str) -> None:
        """Print the heading of a workload."""
        self._console.print(f"[bold]{heading}[/bold]" if self._live else heading, highlight=False)

    def say(self, what: str) -> None:
        self._console.print(f"  {what}", markup=False, highlight=False, soft_wrap=True)

    def begin(self, what: str, total: int) -> None:
        """Restart the bar; without a terminal, print a line instead."""
        self._bar.reset(self._task, total=total, description=f"  {what}", visible=True)
        self._done, self._total = 0, total
        if not self._live:
            self.say(f"{what}: {total} samples")

    def advance(self, what: str) -> None:
        """Count one more sample; without a terminal, print a line at every quarter."""
        self._done += 1
        quarter = 4 * self._done // self._total
        if not self._live and quarter > 4 * (self._done - 1) // self._total:
            self.say(f"{25 * quarter} %")
        self._bar.update(self._task, advance=1, description=f"  {what:<16}")

    def __enter__(self) -> "Progress":
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.stop()
