"""Plots of a run."""

from typing import TYPE_CHECKING

from ..figures import as_png, compact, fit, new_figure
from . import smoothing
from .config import Config
from .log import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


@as_png
def loss(entries: list[Entry], config: Config, broken_at: int | None = None) -> "Figure":
    """Draw the loss in bits per character against the characters read.

    A loss far above that of guessing is drawn on a logarithmic axis, where all of it fits.
    `broken_at` is the iteration in which training broke down, if it did.
    """
    figure = new_figure(8.0, 4.7)
    axes = figure.subplots()
    characters = [entry.characters for entry in entries]
    windows = [config.bits_per_character(entry.loss) for entry in entries]
    lanes = f" in {config.lanes} lanes" if config.lanes > 1 else ""
    axes.plot(
        characters,
        windows,
        ".",
        color="0.75",
        markersize=3 if len(entries) > 40 else 7,
        label=f"one window of {config.seq_length}{lanes}",
    )
    smoothed = [smoothing.bits_at(config, entry) for entry in entries]
    axes.plot(characters, smoothed, color="tab:blue", linewidth=2, label="mean of the windows")
    validated = _draw_validation(axes, entries)
    chance = smoothing.guess(config)
    axes.axhline(
        chance,
        color="tab:red",
        linestyle="--",
        linewidth=1,
        label=f"guessing among {len(config.vocabulary)} symbols",
    )
    if broken_at is not None:
        axes.axvline(
            broken_at * config.window_size,
            color="tab:red",
            linewidth=3,
            label=f"broke down in iteration {broken_at:,}",
        )
    axes.set_xlim(left=0)
    drawn = [*windows, *smoothed, *validated, chance]
    if max(drawn) > 3 * max(chance, 1.0):
        fit(axes, "y", drawn)
    else:
        axes.set_ylim(0, max(*drawn, 1.0) * 1.1)
    axes.set_xlabel("characters read")
    axes.set_ylabel("loss, bits per character")
    axes.xaxis.set_major_formatter(compact)
    axes.set_title(
        f"{config.corpus.name}: {config.hidden_size} hidden units, {config.optimizer}, "
        f"learning rate {config.learning_rate:g}, seed {config.seed}"
    )
    axes.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    return figure


def _draw_validation(axes: "Axes", entries: list[Entry]) -> list[float]:
    """Draw the validations and mark the best; return their bits per character."""
    points = [
        (entry.characters, entry.validation_bits)
        for entry in entries
        if entry.validation_bits is not None
    ]
    if not points:
        return []
    few = len(points) <= 40
    axes.plot(
        *zip(*points, strict=True),
        color="tab:orange",
        linewidth=1.5,
        marker="o" if few else "",
        markersize=4,
        label="validation",
    )
    place, bits = min(points, key=lambda point: point[1])
    axes.plot(
        place,
        bits,
        "*",
        color="tab:orange",
        markeredgecolor="black",
        markersize=12,
        label=f"best validation, {bits:.3f}",
        zorder=3,
    )
    return [bits for _, bits in points]
