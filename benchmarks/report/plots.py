"""Plots: ratios with error bars, layers by size, and multiples of the limit."""

from typing import TYPE_CHECKING, Any

from bptt.figures import as_png, new_figure

from ..harness.results import Workload
from ..harness.spread import Spread
from ..limit.limit import NAME
from .tables import base_of, duration

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OURS, OTHERS = "tab:blue", "tab:gray"
COLORS = (  # without red, which is the limit's
    "tab:blue", "tab:orange", "tab:green", "tab:purple", "tab:brown", "tab:pink", "tab:gray",
    "tab:olive", "tab:cyan", "black", "gold", "navy", "lime", "magenta", "teal", "maroon",
    "sandybrown", "darkviolet", "turquoise", "slategray",
)  # fmt: skip
LIMIT: dict[str, Any] = {"color": "tab:red", "linestyle": "--", "linewidth": 1.2}


@as_png
def ratios(workload: Workload) -> "Figure":
    """Plot each engine's time over the base engine's: median, quartiles, all rounds."""
    base = base_of(workload)
    engines = sorted(workload.measured, key=lambda engine: -engine.spread.median)
    figure = new_figure(8, 1.4 + 0.42 * len(engines))
    axes = figure.subplots()
    highest = max(workload.ratio(engine.name, base).upper_quartile for engine in engines)
    for row, engine in enumerate(engines):
        ratio = workload.ratio(engine.name, base)
        color = OURS if engine.name == workload.ours else OTHERS
        axes.barh(row, ratio.median, color=color, alpha=0.75)
        axes.errorbar(
            ratio.median,
            row,
            xerr=[
                [ratio.median - ratio.lower_quartile],
                [ratio.upper_quartile - ratio.median],
            ],
            color="black",
            capsize=3,
            linewidth=1.2,
        )
        axes.text(
            ratio.upper_quartile + highest * 0.012,
            row,
            f"{ratio.median:.3g}  ({duration(engine.spread.median)})",
            va="center",
            fontsize=8,
        )
    axes.axvline(1.0, color="black", linewidth=0.8)
    if workload.limit:
        bound = workload.ratio(workload.limit.name, base)
        axes.axvspan(bound.lower_quartile, bound.upper_quartile, color="tab:red", alpha=0.15)
        axes.axvline(bound.median, **LIMIT)
        axes.set_xlabel(
            f"times as long as {base} (bars: quartiles of {len(engines[0].seconds)} paired "
            f"rounds); red: the limit, {duration(workload.limit.spread.median)}"
        )
    else:
        axes.set_xlabel(f"times as long as {base}")
    labels = [
        f"{engine.name}\n{engine.computes}" if engine.computes else engine.name
        for engine in engines
    ]
    axes.set_yticks(range(len(engines)), labels, fontsize=7)
    axes.set_xlim(0, highest * 1.25)
    sizes = ", ".join(f"{name}={size}" for name, size in workload.sizes.items())
    axes.set_title(f"{workload.title} ({sizes}, threads: {workload.threads})", fontsize=10)
    axes.grid(axis="x", alpha=0.25)
    return figure


@as_png
def layers(layers: list[Workload]) -> "Figure":
    """Plot the speed over nn.RNN (or the base) by width, one panel per batch size."""
    batches = sorted({layer.sizes["B"] for layer in layers})
    figure = new_figure(3.2 * len(batches) + 1.6, 4)
    panels = figure.subplots(1, len(batches), sharey=True, squeeze=False)[0]
    names = sorted({engine.name for layer in layers for engine in layer.measured})
    base = "nn.RNN" if "nn.RNN" in names else names[0]
    names += sorted({layer.limit.name for layer in layers if layer.limit})
    for panel, B in zip(panels, batches, strict=True):
        for index, name in enumerate(names):
            points = [
                (layer.sizes["H"], layer.ratio(base, name))
                for layer in sorted(layers, key=lambda layer: layer.sizes["H"])
                if layer.sizes["B"] == B and {name, base} <= {engine.name for engine in layer.timed}
            ]
            if not points:
                continue
            panel.errorbar(
                [H for H, _ in points],
                [ratio.median for _, ratio in points],
                yerr=[
                    [ratio.median - ratio.lower_quartile for _, ratio in points],
                    [ratio.upper_quartile - ratio.median for _, ratio in points],
                ],
                marker="o",
                markersize=4,
                capsize=3,
                label=name,
                **(LIMIT if name == NAME else {"color": COLORS[index]}),
            )
        panel.set_xscale("log", base=2)
        panel.set_yscale("log", base=2)
        panel.set_title(f"B={B}", fontsize=10)
        widths = sorted({layer.sizes["H"] for layer in layers})
        panel.set_xticks(widths, [str(width) for width in widths])
        panel.minorticks_off()
        panel.set_xlabel("hidden units H")
        panel.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        panel.grid(alpha=0.25)
    panels[0].set_ylabel(f"times as fast as {base}")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    steps, threads = layers[0].sizes["T"], layers[0].threads
    figure.suptitle(
        f"Layer forward and backward, float32, T={steps}, threads: {threads}", fontsize=11
    )
    return figure


@as_png
def of_limit(workloads: list[Workload]) -> "Figure":
    """Plot each engine's multiple of the limit, one row per workload, on a logarithmic axis."""
    figure = new_figure(8.5, 1.6 + 0.38 * len(workloads))
    axes = figure.subplots()
    names = sorted({engine.name for workload in workloads for engine in workload.measured})
    markers = "osD^vP*X<>hp"
    for index, name in enumerate(names):
        points = [
            (Spread.of(workload.over_limit(name)), row)
            for row, workload in enumerate(reversed(workloads))
            if workload.limit and name in {engine.name for engine in workload.measured}
        ]
        axes.errorbar(
            [multiple.median for multiple, _ in points],
            [row for _, row in points],
            xerr=[
                [multiple.median - multiple.lower_quartile for multiple, _ in points],
                [multiple.upper_quartile - multiple.median for multiple, _ in points],
            ],
            fmt=markers[index % len(markers)],
            markersize=6,
            linewidth=1,
            color=COLORS[index],
            alpha=0.8,
            label=name,
        )
    axes.axvline(1.0, **LIMIT)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.set_yticks(
        range(len(workloads)), [workload.name for workload in reversed(workloads)], fontsize=8
    )
    axes.set_ylim(-0.7, len(workloads) - 0.3)
    axes.set_xlabel("multiple of the limit of the same round: median, quartiles (red: the limit)")
    axes.set_title("How far each engine is from what this machine allows", fontsize=10)
    axes.grid(axis="x", alpha=0.25)
    figure.legend(loc="outside right center", fontsize=8, frameon=False)
    return figure
