"""Report the lockstep comparison as tables, a JSON file and a picture."""

import json
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from ... import figures, files
from ...errors import explained
from .lockstep import CONTENDERS, NAMES, Comparison

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN = (1, 2, 5, 10, 15, 20, 30, 40, 60, 100, 200, 500, 1000)


def by_engine(comparisons: list[Comparison]) -> dict[str, list[Comparison]]:
    engines: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        engines.setdefault(comparison.engine, []).append(comparison)
    return engines


def show(
    console: Console,
    base: str,
    comparisons: list[Comparison],
    gaps: dict[str, list[float]],
) -> None:
    engines = by_engine(comparisons)
    if engines:
        iterations = len(next(iter(engines.values())))
        console.print(
            f"In lockstep with {base}, {iterations} iterations: largest difference / largest "
            f"entry, with the running clip and without",
            style="bold",
        )
        table = Table("engine", "parameter", "median", "worst", "of bound", box=None)
        for engine, rows in engines.items():
            for name in NAMES:
                values = [max(row.differences[name], row.plain_differences[name]) for row in rows]
                table.add_row(
                    engine,
                    name,
                    f"{statistics.median(values):.1e}",
                    f"{max(values):.1e}",
                )
            worst = max(rows, key=lambda row: row.worst)
            table.add_row(
                engine,
                "all",
                f"{statistics.median(row.worst for row in rows):.1e}",
                f"{worst.worst:.1e}",
                f"{max(row.share for row in rows):.0%}",
                style="bold",
            )
        console.print(table)
        rows = next(iter(engines.values()))
        acted = sum(row.clipped[0] > 0 for row in rows)
        console.print(f"The clip changed entries in {acted} of {len(rows)} iterations of {base}.")
        for engine, rows in engines.items():
            unequal = sum(row.clipped[0] != row.clipped[1] for row in rows)
            console.print(
                f"{engine}: it changed a different number of entries in {unequal} iterations.",
                markup=False,
            )
    if gaps:
        console.print(f"\nFree training: gap to {base}'s weights, by iteration", style="bold")
        length = len(next(iter(gaps.values())))
        shown = [iteration for iteration in SHOWN if iteration <= length]
        table = Table("iteration", *(name.replace("-", "\n") for name in gaps), box=None)
        for iteration in shown:
            sizes = (f"{values[iteration - 1]:.1e}" for values in gaps.values())
            table.add_row(str(iteration), *sizes)
        console.print(table)


def save(
    folder: Path,
    base: str,
    comparisons: list[Comparison],
    gaps: dict[str, list[float]],
    settings: dict[str, Any],
) -> None:
    """Write lockstep.json and lockstep.png. Raises InputError where they can't be written."""
    content = {
        "base": base,
        "settings": settings,
        "in_lockstep": [asdict(comparison) for comparison in comparisons],
        "free": gaps,
    }
    with explained("write in", folder):
        folder.mkdir(parents=True)
        files.write(folder / "lockstep.json", (json.dumps(content, indent=1) + "\n").encode())
    figures.write(folder / "lockstep.png", lambda: picture(base, comparisons, gaps))


@figures.as_png
def picture(base: str, comparisons: list[Comparison], gaps: dict[str, list[float]]) -> "Figure":
    """Draw the differences in lockstep beside the gaps in free training."""
    figure = figures.new_figure(10, 4.5)
    left, right = figure.subplots(1, 2, sharey=True)
    colours = {name: f"C{index}" for index, name in enumerate(CONTENDERS)}
    for engine, rows in by_engine(comparisons).items():
        left.plot(
            [row.iteration for row in rows],
            [max(row.worst, 1e-17) for row in rows],
            color=colours[engine],
            label=CONTENDERS[engine].description,
            linewidth=1,
        )
    for engine, values in gaps.items():
        right.plot(
            range(1, len(values) + 1),
            [max(value, 1e-17) for value in values],
            color=colours[engine],
            label=CONTENDERS[engine].description,
        )
    left.set_title(f"In lockstep with {base}: the gradients agree")
    left.set_ylabel("largest difference / largest entry")
    right.set_title("Free training: the weights diverge")
    for axes in (left, right):
        axes.set_yscale("log")
        axes.set_ylim(1e-17, 10)
        axes.set_xlabel("iteration")
        axes.grid(alpha=0.25)
        if axes.has_data():
            axes.legend(fontsize=8, loc="upper right" if axes is left else "lower right")
    return figure
