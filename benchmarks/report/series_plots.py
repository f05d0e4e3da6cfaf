"""Plots of growth and cold starts."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from bptt.figures import as_png, new_figure

from ..harness.spread import Spread
from ..workloads.cold import ColdStart
from ..workloads.growth import Series
from .plots import COLORS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIB = 2**20


@as_png
def growth(series: Sequence[Series]) -> "Figure":
    """Plot time (above) and memory (below), one column per axis, with the fitted exponents."""
    from matplotlib.ticker import LogLocator

    axes_names = list(dict.fromkeys(one.axis for one in series))
    figure = new_figure(4.2 * len(axes_names), 7)
    panels = figure.subplots(2, len(axes_names), squeeze=False)
    engines = list(dict.fromkeys(one.engine for one in series))
    for column, axis in enumerate(axes_names):
        upper, lower = panels[:, column]
        for one in series:
            if one.axis != axis:
                continue
            color = COLORS[engines.index(one.engine) % len(COLORS)]
            style = {"marker": "o", "markersize": 4, "color": color}
            sizes = [point.size for point in one.points]
            label = exponent_label(one.engine, axis, one.time_exponent)
            upper.plot(sizes, [1e3 * point.seconds for point in one.points], label=label, **style)
            used = [point.memory for point in one.points]
            if all(used):
                label = exponent_label(one.engine, axis, one.memory_exponent)
                lower.plot(sizes, np.array(used, float) / MIB, label=label, **style)
        fixed = next(one.fixed for one in series if one.axis == axis)
        unit = "layer" if axis == "B" else "iteration"
        title = ", ".join(f"{name}={size}" for name, size in fixed.items())
        upper.set_title(f"{axis} grows ({unit}; {title})", fontsize=9)
        upper.set_ylabel("time, ms")
        lower.set_ylabel("peak memory above start, MiB")
        lower.set_xlabel(axis)
        for panel in (upper, lower):
            panel.set_xscale("log")
            panel.set_yscale("log")
            ticks = sorted(
                {point.size for one in series if one.axis == axis for point in one.points}
            )
            panel.set_xticks(ticks, [str(size) for size in ticks], fontsize=7)
            panel.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
            panel.minorticks_off()
            panel.grid(alpha=0.25)
            if panel.lines:
                panel.legend(fontsize=7)
    return figure


def exponent_label(engine: str, axis: str, exponent: float | None) -> str:
    return engine if exponent is None else f"{engine} ~ {axis}^{exponent:.2f}"


@as_png
def cold(starts: Sequence[ColdStart]) -> "Figure":
    """Plot one stacked bar per start: library import, import and build, first iteration."""
    figure = new_figure(8, 1.3 + 0.4 * len(starts))
    axes = figure.subplots()
    for row, start in enumerate(reversed(starts)):
        left = 0.0
        parts = (start.importing, start.building, start.first)
        for part, color in zip(parts, ("lightgray", "tab:blue", "tab:orange"), strict=True):
            seconds = Spread.of(part).median
            axes.barh(row, seconds, left=left, color=color)
            left += seconds
        beyond = Spread.of(start.beyond).median
        axes.text(left, row, f" +{beyond:.2f} s", va="center", fontsize=8)
    for label, color in (
        ("the library's own import", "lightgray"),
        ("import and build the engine", "tab:blue"),
        ("first iteration, compilation included", "tab:orange"),
    ):
        axes.barh(0, 0, color=color, label=label)
    names = [
        start.engine if start.cache == "none" else f"{start.engine}, {start.cache}"
        for start in reversed(starts)
    ]
    axes.set_yticks(range(len(starts)), names, fontsize=8)
    axes.margins(x=0.12)
    axes.set_xlabel("seconds from an empty process (number: beyond the library's import)")
    axes.set_title("Cold start of a training, float64", fontsize=10)
    figure.legend(loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    axes.grid(axis="x", alpha=0.25)
    return figure
