"""The plot of a run's gradient flow."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..figures import as_png, new_figure
from ..training.diagnostics import SATURATED, Record

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CURVES = 40  # at most: more would overlap
SMALLEST = 1e-30  # norms below it are not drawn


@as_png
def gradient_flow(records: Sequence[Record], heading: str) -> "Figure":
    """Draw a run's diagnostics, given in the order of iterations.

    Raises ValueError if there are none.
    """
    if not records:
        raise ValueError("there must be at least one record to draw, got none")
    figure = new_figure(11, 5.2)
    panels: Any = figure.subplot_mosaic(
        [["norms", "saturated"], ["norms", "radius"], ["norms", "clipped"]],
        width_ratios=[1.5, 1],
    )
    figure.suptitle(heading)
    _norms(figure, panels["norms"], records)
    iterations = [record.iteration for record in records]
    _over_time(
        panels["saturated"],
        iterations,
        [record.saturated_share for record in records],
        f"saturated units (|a| > {SATURATED:g})",
    )
    _over_time(
        panels["radius"],
        iterations,
        [record.spectral_radius for record in records],
        "spectral radius of Wha",
    )
    panels["radius"].axhline(1.0, color="tab:red", linestyle="--", linewidth=1)
    panels["radius"].set_ylim(top=max(1.2, panels["radius"].get_ylim()[1]))
    _over_time(
        panels["clipped"],
        iterations,
        [record.clipped_share for record in records],
        "gradient entries changed by the clip",
    )
    for name in ("saturated", "clipped"):
        panels[name].yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}%")
    for name in ("saturated", "radius"):
        panels[name].tick_params(labelbottom=False)
    panels["clipped"].set_xlabel("iteration")
    return figure


def _norms(figure: "Figure", axes: "Axes", records: Sequence[Record]) -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    scale = Normalize(records[0].iteration, max(records[-1].iteration, records[0].iteration + 1))
    colors = colormaps["viridis_r"]
    chosen = np.unique(np.linspace(0, len(records) - 1, CURVES).round().astype(int))
    for index in chosen.tolist():
        record = records[index]
        lags = np.arange(len(record.norms))
        drawn = np.array(record.norms) > SMALLEST
        marker = "o" if drawn.sum() == 1 else None
        axes.semilogy(
            lags[drawn],
            np.array(record.norms)[drawn],
            color=colors(scale(record.iteration)),
            linewidth=1.3,
            marker=marker,
        )
    axes.set_xlabel("lag k, in characters")
    axes.set_ylabel("mean length of ∂loss$_t$ / ∂state$_{t-k}$, in nats")
    low, high = _frame(records)
    title = "how far back the loss reaches"
    if min(map(_smallest, records)) < low:
        title += " (the first iterations' curves continue below)"
    axes.set_ylim(low / 3, high * 3)
    axes.set_title(title, fontsize="medium")
    axes.grid(alpha=0.25)
    if len(records) > 1:
        bar = figure.colorbar(ScalarMappable(scale, colors), ax=axes, pad=0.02)
        bar.set_label("iteration")


def _frame(records: Sequence[Record]) -> tuple[float, float]:
    """Return the lowest norm after the first tenth of the run, and the highest of all.

    With the first, small weights norms fall by tens of decades, which would flatten all other
    curves.
    """
    last = records[-1].iteration
    later = [record for record in records if 10 * record.iteration >= last]
    return min(map(_smallest, later)), max(SMALLEST, *(max(record.norms) for record in records))


def _smallest(record: Record) -> float:
    return min((norm for norm in record.norms if norm > SMALLEST), default=SMALLEST)


def _over_time(axes: "Axes", iterations: list[int], values: list[float], title: str) -> None:
    axes.plot(iterations, values, color="tab:blue", marker=".", markersize=4, linewidth=1.3)
    axes.set_title(title, fontsize="medium")
    axes.set_ylim(0.0, max(max(values) * 1.15, 1e-3))
    axes.set_xlim(min(iterations) - 0.5, max(iterations) + 0.5)
    axes.locator_params(axis="x", nbins=5, integer=True)
    axes.grid(alpha=0.25)
