"""Pictures of several runs: seeds with their band, and runs over each other."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from . import curves
from .config import Config
from .log import Entry
from .plots import new_figure, png

COLORS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink",
          "tab:gray", "tab:olive", "tab:cyan")  # fmt: skip
STYLES = ("-", "--", ":", "-.")  # for more runs than there are colours


def seeds(logs: Sequence[Sequence[Entry]], names: Sequence[int], config: Config) -> bytes:
    """Draw each seed's validation, or its smoothed loss where there is none, and their mean."""
    of_validation = all(len(curves.validation(log)) for log in logs)
    read = curves.validation if of_validation else curves.smoothed
    drawn = [read(log) for log in logs]
    what = "validation" if of_validation else "smoothed training loss"
    figure = new_figure(8.0, 4.7)
    axes = figure.subplots()
    for curve, name in zip(drawn, names, strict=True):
        label = f"seeds {names[0]} to {names[-1]}" if name == names[0] else None
        axes.plot(curve.characters, curve.bits, color="0.6", linewidth=0.7, label=label)
    middle, deviation = curves.mean(drawn)
    axes.fill_between(
        middle.characters,
        middle.bits - deviation,
        middle.bits + deviation,
        color="tab:blue",
        alpha=0.25,
        linewidth=0,
        label="± one standard deviation",
    )
    axes.plot(
        middle.characters,
        middle.bits,
        color="tab:blue",
        linewidth=2,
        marker=_marker(len(middle)),
        markersize=4,
        label="mean",
    )
    _label(axes, "characters read")
    axes.set_ylabel(f"{what}, bits per character")
    axes.set_title(
        f"{config.corpus.name}: {config.hidden_size} hidden units, {config.optimizer}, "
        f"learning rate {config.learning_rate:g}, {len(logs)} seeds"
    )
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    return png(figure)


def comparison(contenders: Sequence[tuple[str, Sequence[Sequence[Entry]]]]) -> bytes:
    """Draw validation (thick) and smoothed loss (thin) against characters and against seconds.

    A contender with several logs is drawn as their mean, validation with its band.
    """
    figure = new_figure(11.0, 4.9)
    panels = figure.subplots(1, 2, sharey=True)
    for number, (name, logs) in enumerate(contenders):
        color = COLORS[number % len(COLORS)]
        style = STYLES[number // len(COLORS) % len(STYLES)]
        trained, _ = curves.mean([curves.smoothed(log) for log in logs])
        validated, deviation = curves.mean([curves.validation(log) for log in logs])
        many = f" (mean of {len(logs)} seeds)" if len(logs) > 1 else ""
        for panel, axis in zip(panels, ("characters", "seconds"), strict=True):
            x = getattr(validated, axis)
            panel.plot(
                getattr(trained, axis), trained.bits, color=color, linewidth=0.8, alpha=0.6,
                linestyle=style, label=None if len(validated) else name + many,
            )  # fmt: skip
            if len(validated):
                panel.plot(
                    x, validated.bits, color=color, linewidth=2, linestyle=style,
                    marker=_marker(len(x)), markersize=4, label=name + many,
                )  # fmt: skip
            if len(logs) > 1:
                low, high = validated.bits - deviation, validated.bits + deviation
                panel.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)
    _label(panels[0], "characters read")
    _label(panels[1], "seconds of training")
    panels[0].set_ylabel("bits per character")
    figure.suptitle("Validation (thick) and smoothed training loss (thin)", fontsize="medium")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, fontsize="small")
    return png(figure)


def _marker(points: int) -> str:
    return "o" if points <= 40 else ""


def _label(axes: Axes, what: str) -> None:
    axes.set_xlabel(what)
    axes.xaxis.set_major_formatter(
        lambda value, _: f"{value:,.0f}" if value % 1 == 0 else f"{value:g}"
    )
    axes.tick_params(axis="x", labelsize="small")
    axes.grid(alpha=0.25)
