"""Pictures of a run."""

import io
import math

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .config import Config
from .log import Entry


def loss(entries: list[Entry], config: Config) -> bytes:
    """Draw the loss in bits per character against the characters read, as a PNG."""
    figure = new_figure(8.0, 4.7)
    axes = figure.subplots()
    characters = [entry.characters for entry in entries]
    lanes = f" in {config.lanes} lanes" if config.lanes > 1 else ""
    axes.plot(
        characters,
        [config.bits_per_character(entry.loss) for entry in entries],
        ".",
        color="0.75",
        markersize=3,
        label=f"one window of {config.seq_length}{lanes}",
    )
    axes.plot(
        characters,
        [entry.bits_per_character for entry in entries],
        color="tab:blue",
        linewidth=2,
        label="smoothed",
    )
    _draw_validation(axes, entries)
    chance = math.log2(len(config.vocabulary))
    axes.axhline(
        chance,
        color="tab:red",
        linestyle="--",
        linewidth=1,
        label=f"guessing among {len(config.vocabulary)} symbols",
    )
    axes.set_ylim(0, max(chance, 1.0) * 1.1)
    axes.set_xlabel("characters read")
    axes.set_ylabel("loss, bits per character")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_title(
        f"{config.corpus.name}: {config.hidden_size} hidden units, {config.optimizer}, "
        f"learning rate {config.learning_rate:g}, seed {config.seed}"
    )
    axes.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    return png(figure)


def _draw_validation(axes: Axes, entries: list[Entry]) -> None:
    points = [
        (entry.characters, entry.validation_bits)
        for entry in entries
        if entry.validation_bits is not None
    ]
    if not points:
        return
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


def new_figure(width: float, height: float) -> Figure:
    """Sizes in inches."""
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """No version or date inside: the same figures give the same picture."""
    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()
