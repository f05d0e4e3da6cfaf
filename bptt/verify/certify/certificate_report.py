"""Report certificates as tables for a terminal, as JSON, and as a picture."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from ...figures import as_png, new_figure
from .certificates import NAMES, Certificate, worst_and_median

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MEASURES = {
    "own": "digits, relative to the entry",
    "of_largest": "digits, relative to the largest entry",
}
BY_HAND, AUTOGRAD = "tab:blue", "tab:orange"
WIDTH = 22.0  # of a panel, in digits: room for the medians beside the longest tail


def tables(certificates: Sequence[Certificate]) -> list[Table]:
    """Return a table for each set of weights and each measure, at most 60 columns wide.

    A row is an engine, a column the `median/worst` digits of a parameter.
    """
    made = []
    for weights in dict.fromkeys(certificate.weights for certificate in certificates):
        for measure, title in MEASURES.items():
            table = Table(
                title=f"{weights} weights: {title} (median/worst)",
                title_justify="left",
                title_style="bold",
                header_style="",
                box=None,
                pad_edge=False,
                padding=(0, 1, 0, 0),
            )
            table.add_column("", no_wrap=True)
            for name in NAMES:
                table.add_column(name, justify="right", no_wrap=True)
            dtype = ""
            for certificate in _plain(certificates, weights):
                if certificate.engine.dtype != dtype:
                    dtype = certificate.engine.dtype
                    table.add_row(dtype, style="bold")
                cells = (_cell(certificate, name, measure) for name in NAMES)
                table.add_row(certificate.engine.name, *cells)
            made.append(table)
    return made


def _plain(certificates: Sequence[Certificate], weights: str) -> list[Certificate]:
    return [c for c in certificates if c.weights == weights and c.clip is None]


def _cell(certificate: Certificate, name: str, measure: str) -> str:
    found = worst_and_median(getattr(certificate.digits[name], measure))
    return "-" if found is None else f"{found[1]:.1f}/{found[0]:.1f}"


def pooled(certificate: Certificate) -> np.ndarray:
    """Return the own digits of all entries of all parameters; NaN for entries that don't count."""
    return np.concatenate([certificate.digits[name].own.ravel() for name in NAMES])


def closer(ours: Certificate, theirs: Certificate) -> float | None:
    """Return the fraction of entries where `ours` is closer to the exact value; ties count half."""
    a, b = pooled(ours), pooled(theirs)
    counted = ~(np.isnan(a) | np.isnan(b))
    if not counted.any():
        return None
    return float(np.mean((a > b)[counted]) + np.mean((a == b)[counted]) / 2)


def duels(certificates: Sequence[Certificate]) -> list[tuple[str, str, float]]:
    """Return (weights, dtype, fraction of entries where the twin is more exact than nn.RNN)."""
    found = []
    for weights in dict.fromkeys(certificate.weights for certificate in certificates):
        engines = {(c.engine.name, c.engine.dtype): c for c in _plain(certificates, weights)}
        for dtype in ("float64", "float32"):
            fraction = closer(engines["twin", dtype], engines["nn.RNN", dtype])
            if fraction is not None:
                found.append((weights, dtype, fraction))
    return found


def to_json(certificates: Sequence[Certificate]) -> list[dict[str, Any]]:
    """Return the content of certificates.json; digits are null where no entry counts."""
    return [
        {
            "engine": certificate.engine.name,
            "dtype": certificate.engine.dtype,
            "by_hand": certificate.engine.by_hand,
            "weights": certificate.weights,
            "clip": certificate.clip,
            "entries_clipped": certificate.clipped,
            "enclosure_radius": certificate.radius,
            "parameters": {name: _figures(certificate, name) for name in NAMES},
        }
        for certificate in certificates
    ]


def _figures(certificate: Certificate, name: str) -> dict[str, Any]:
    figures: dict[str, Any] = {
        "entries": int(np.count_nonzero(~np.isnan(certificate.digits[name].own)))
    }
    for measure in MEASURES:
        found = worst_and_median(getattr(certificate.digits[name], measure))
        figures[measure] = None if found is None else {"worst": found[0], "median": found[1]}
    return figures


@as_png
def picture(certificates: Sequence[Certificate], heading: str) -> "Figure":
    """Draw the distribution of each engine's own digits, with a panel for each set of weights."""
    kinds = list(dict.fromkeys(certificate.weights for certificate in certificates))
    figure = new_figure(4.5 * len(kinds) + 1, 5.4)
    panels: Any = figure.subplots(1, len(kinds), sharey=True, sharex=True, squeeze=False)
    for axes, weights in zip(panels[0], kinds, strict=True):
        _ridges(axes, _plain(certificates, weights))
        axes.set_title(f"{weights} weights")
        axes.set_xlabel("correct digits of an entry, relative to itself")
    figure.suptitle(heading)
    panels[0][0].legend(*_legend(panels[0][0]), loc="upper left", frameon=False, fontsize="small")
    return figure


def _ridges(axes: "Axes", certificates: Sequence[Certificate]) -> None:
    bins = np.arange(0.0, 19.01, 0.25)
    rows = [-row - 0.6 * (c.engine.dtype == "float32") for row, c in enumerate(certificates)]
    for row, certificate in zip(rows, certificates, strict=True):
        digits = pooled(certificate)
        digits = np.minimum(digits[~np.isnan(digits)], bins[-1] - 0.01)
        if not len(digits):
            continue
        counts, _ = np.histogram(digits, bins)
        color = BY_HAND if certificate.engine.by_hand else AUTOGRAD
        label = "by hand" if certificate.engine.by_hand else "autograd's"
        heights = row + 0.85 * counts / counts.max()
        axes.stairs(heights, bins, baseline=row, fill=True, color=color, alpha=0.75, label=label)
        median = float(np.median(digits))
        axes.plot([median, median], [row, row + 0.85], color="black", linewidth=1.2)
        axes.text(WIDTH - 0.2, row + 0.3, f"median {median:.1f}", ha="right", fontsize="x-small")
        axes.axhline(row, color="0.8", linewidth=0.6, zorder=0)
    axes.set_yticks(
        [row + 0.3 for row in rows],
        [f"{c.engine.name}\n{c.engine.dtype}" for c in certificates],
        fontsize="small",
    )
    axes.tick_params(axis="y", length=0)
    axes.set_xlim(0, WIDTH)
    axes.set_xticks(range(0, 19, 2))
    axes.grid(axis="x", alpha=0.25)


def _legend(axes: "Axes") -> tuple[list[Any], list[str]]:
    """Return one handle for each label."""
    named = dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
    return list(named.values()), list(named)
