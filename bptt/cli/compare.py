"""bptt compare: runs in one table and one picture."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from .. import errors, figures, terminal
from ..experiments import comparison, curve_plots
from .options import refuse_output


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN", help="Run folders and folders of --seeds; others are left out."
        ),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE.png", help="Draw the validation curves into this file."
        ),
    ] = None,
) -> None:
    """Show the results of several runs and how their settings differ.

    Results are in bits per character; of several seeds, mean and standard deviation.
    """
    if out is not None:
        refuse_output("--out", out, ".png")
    contenders, wrong = comparison.read(runs)
    for what in wrong:
        print(errors.harmless(f"warning: left out: {what}"), file=sys.stderr)
    shared, rows = comparison.table(contenders)
    console = terminal.console()
    if shared:
        line = ", ".join(f"{key} {value}" for key, value in shared.items())
        console.print(errors.harmless(line), markup=False)
    _show(console, rows)
    for line in comparison.warnings(contenders):
        console.print(errors.harmless(line), markup=False)
    if out is not None and figures.write(out, lambda: curve_plots.comparison(contenders)):
        console.print(f"{out} shows their curves.", markup=False)


def _show(console: Console, rows: Sequence[dict[str, str]]) -> None:
    """Show a table, or several where one is too wide; no figure is ever cut."""
    names = list(rows[0])[1:]
    if _fits(console, rows, names):
        console.print(_table(rows, names))
        return
    names.sort(key=lambda name: name not in comparison.FIGURES)
    if not all(_fits(console, rows, [name]) for name in names):
        _show_apart(console, rows)
        return
    while names:
        count = max(n for n in range(1, len(names) + 1) if _fits(console, rows, names[:n]))
        console.print(_table(rows, names[:count]))
        names = names[count:]
        if names:
            console.print()


def _table(rows: Sequence[dict[str, str]], names: Sequence[str]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in ("run", *names):
        table.add_column(name, justify="left" if name == "run" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(errors.harmless(row[name])) for name in ("run", *names)))
    return table


def _fits(console: Console, rows: Sequence[dict[str, str]], names: Sequence[str]) -> bool:
    wide = console.options.update(max_width=10_000)
    return Measurement.get(console, wide, _table(rows, names)).maximum <= console.width


def _show_apart(console: Console, rows: Sequence[dict[str, str]]) -> None:
    """Show a paragraph for each run."""
    for row in rows:
        console.print(errors.harmless(row["run"]), style="bold", markup=False)
        for name, value in list(row.items())[1:]:
            console.print(f"  {name:<11} {errors.harmless(value)}", markup=False)
