"""bptt compare: runs in one table and one picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from .. import comparison, curve_plots, display, drawing


def compare(
    runs: Annotated[
        list[Path], typer.Argument(metavar="RUN...", help="Run folders, or folders of seeds.")
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE.png", help="Draw their curves over each other."),
    ] = None,
) -> None:
    """Say what runs came to, and in which settings they differ.

    Bits per character; of several seeds, their mean and standard deviation.
    """
    if out is not None:
        comparison.check_picture(out)
    contenders = comparison.read(runs)
    shared, rows = comparison.table(contenders)
    console = Console(highlight=False, soft_wrap=True)
    if shared:
        line = ", ".join(f"{key} {value}" for key, value in shared.items())
        console.print(display.harmless(line), markup=False, soft_wrap=not console.is_terminal)
    _show(console, rows)
    for line in comparison.warnings(contenders):
        console.print(display.harmless(line), markup=False, soft_wrap=not console.is_terminal)
    if out is not None and drawing.write(out, lambda: curve_plots.comparison(contenders)):
        console.print(f"{out} shows their curves.", markup=False)


def _show(console: Console, rows: Sequence[dict[str, str]]) -> None:
    """A table where it fits, otherwise a paragraph for each run: no figure is ever cut."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in rows[0]:
        table.add_column(name, justify="left" if name == "run" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(display.harmless(value) for value in row.values()))
    wide = console.options.update(max_width=10_000)
    width = Measurement.get(console, wide, table).maximum
    if width <= console.width:
        console.print(table, markup=False)
        return
    for row in rows:
        console.print(display.harmless(row["run"]), style="bold", markup=False)
        for name, value in list(row.items())[1:]:
            console.print(f"  {name:<11} {display.harmless(value)}", markup=False)
