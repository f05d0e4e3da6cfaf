"""Pictures of a run."""

import io
import math

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from .config import Config
from .log import Entry


def loss(entries: list[Entry], config: Config) -> bytes:
    """Draw the loss in bits per character against the characters read, as a PNG."""
    figure = Figure(figsize=(8, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    characters = [entry.characters for entry in entries]
    axes.plot(
        characters,
        [config.bits_per_character(entry.loss) for entry in entries],
        ".",
        color="0.75",
        markersize=3,
        label=f"one window of {config.seq_length}",
    )
    axes.plot(
        characters,
        [entry.bits_per_character for entry in entries],
        color="tab:blue",
        linewidth=2,
        label="smoothed",
    )
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
        f"{config.corpus.name}: {config.hidden_size} hidden units, "
        f"learning rate {config.learning_rate:g}, seed {config.seed}"
    )
    axes.grid(alpha=0.25)
    axes.legend(loc="upper right", bbox_to_anchor=(1, 0.88))
    picture = io.BytesIO()
    # No version or date inside: the same log gives the same picture.
    figure.savefig(picture, format="png", metadata={"Software": None})
    return picture.getvalue()
