"""Plots of several runs: seeds with their standard deviation, and runs compared."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..figures import as_png, compact, fit, new_figure
from ..runs import smoothing
from ..runs.config import Config
from ..runs.log import Entry
from . import curves
from .comparison import Contender
from .curves import Curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLORS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink",
          "tab:gray", "tab:olive", "tab:cyan")  # fmt: skip


@as_png
def seeds(logs: Sequence[Sequence[Entry]], names: Sequence[int], config: Config) -> "Figure":
    """Draw each seed's validation, or its training loss where there is none, and their mean."""
    of_validation = all(len(curves.validation(log)) for log in logs)
    drawn = [
        curves.validation(log) if of_validation else curves.smoothed(log, config) for log in logs
    ]
    what = "validation" if of_validation else "mean of the training windows"
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
    fit(axes, "y", [bits for curve in drawn for bits in curve.bits.tolist()])
    axes.set_xlabel("characters read")
    axes.xaxis.set_major_formatter(compact)
    axes.grid(alpha=0.25)
    axes.set_ylabel(f"{what}, bits per character")
    axes.set_title(
        f"{config.corpus.name}: {config.hidden_size} hidden units, {config.optimizer}, "
        f"learning rate {config.learning_rate:g}, {len(logs)} seeds"
    )
    figure.legend(loc="outside lower center", ncols=3, fontsize="small")
    return figure


@as_png
def comparison(contenders: Sequence[Contender]) -> "Figure":
    """Draw validation (thick) and training loss (thin) against characters and against seconds.

    A contender with several logs is drawn as their mean, with a band of one standard deviation
    around validation. Of many contenders, those with the best last validation have a colour and a
    name. Values above twice the loss of guessing are outside the frame, unless all are.
    """
    figure = new_figure(11.0, 5.4)
    panels = figure.subplots(1, 2, sharey=True)
    lines = [_Line.of(one) for one in contenders]
    lines.sort(key=lambda line: line.last)
    named = lines if len(lines) <= len(COLORS) else lines[: len(COLORS) - 1]
    for panel, axis in zip(panels, ("characters", "seconds"), strict=True):
        for line in lines[len(named) :]:
            line.draw(panel, axis, "0.8", None)
        for color, line in zip(COLORS, named, strict=False):
            line.draw(panel, axis, color, line.name)
        if len(named) < len(lines):
            panel.plot([], [], color="0.8", linewidth=2, label=f"{len(lines) - len(named)} others")
        panel.set_xlabel("characters read" if axis == "characters" else "seconds of training")
        panel.grid(alpha=0.25)
        fit(panel, "x", [x for line in lines for x in getattr(line.longest, axis).tolist()])
    everything = [bits for line in lines for bits in line.bits]
    frame = 2 * max(smoothing.guess(one.config) for one in contenders)
    fit(panels[0], "y", [bits for bits in everything if bits <= frame] or everything)
    panels[0].set_ylabel("bits per character")
    figure.suptitle(
        "Validation (thick) and the mean of the training windows (thin)", fontsize="medium"
    )
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize="small")
    return figure


@dataclass(frozen=True)
class _Line:
    """A contender's curves; `deviation` is that of validation over its seeds."""

    name: str
    trained: Curve
    validated: Curve
    deviation: np.ndarray

    @classmethod
    def of(cls, one: Contender) -> "_Line":
        trained, _ = curves.mean([curves.smoothed(log, one.config) for log in one.logs])
        validated, deviation = curves.mean([curves.validation(log) for log in one.logs])
        many = f" (mean of {len(one.logs)} seeds)" if len(one.logs) > 1 else ""
        return cls(one.name + many, trained, validated, deviation)

    @property
    def bits(self) -> list[float]:
        return [*self.trained.bits.tolist(), *self.validated.bits.tolist()]

    @property
    def longest(self) -> Curve:
        return self.trained if len(self.trained) else self.validated

    @property
    def last(self) -> float:
        """The last bits per character: of validation if there is any, else of training."""
        curve = self.validated if len(self.validated) else self.trained
        return float(curve.bits[-1]) if len(curve) else math.inf

    def draw(self, panel: "Axes", axis: str, color: str, label: str | None) -> None:
        validates = len(self.validated) > 0
        panel.plot(
            getattr(self.trained, axis), self.trained.bits, color=color, linewidth=0.8, alpha=0.6,
            label=None if validates else label,
        )  # fmt: skip
        if validates:
            x, bits = getattr(self.validated, axis), self.validated.bits
            panel.plot(
                x, bits, color=color, linewidth=2, marker=_marker(len(x)), markersize=4, label=label
            )
            low, high = bits - self.deviation, bits + self.deviation
            panel.fill_between(x, low, high, color=color, alpha=0.2, linewidth=0)


def _marker(points: int) -> str:
    return "o" if points <= 40 else ""
