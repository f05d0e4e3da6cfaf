"""The published run, compared with the reference's spread over character orders.

The published notebook numbers the characters in the order of a set, which differs from one Python
process to the next. Each order assigns other initial weights to each character and so gives another
run. The comparison shows whether the published figures could come from one of ours.

Source of the figures: the notebook "Implementing Recurrent Neural Network" (category
"Implementing Algorithms"), its printed training log on kafka.txt.
"""

import json
import statistics
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from threadpoolctl import threadpool_limits

from bptt import figures
from bptt.errors import InputError
from bptt.text import corpora
from reference import Hyperparameters, Training, Vocabulary

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HYPERPARAMETERS = Hyperparameters()  # the defaults are the published ones
SEED = 1
SHA256 = "836497d1e5a47b1744e68da78822e8af19ddadc565e3a09fde348f300e14ec78"
PUBLISHED = {  # iteration: smoothed loss, nats per window
    1: 153.37093221358583,
    1000: 114.98703910985724,
    2000: 89.98119716264166,
    3000: 78.24674308913039,
    4000: 81.04244786556372,
    5000: 73.78070609787777,
    6000: 68.36697717802687,
    7000: 66.07226962796535,
    8000: 71.86785818263544,
    9000: 67.36134684532409,
    10000: 63.723388456472314,
}


@dataclass(frozen=True)
class Comparison:
    """A published figure and those of our runs at the same iteration, in nats per window.

    `z` is the published figure's distance from the mean in standard deviations (0 if all figures
    are equal, as before the first update).
    """

    iteration: int
    published: float
    mean: float
    standard_deviation: float
    lowest: float
    highest: float
    z: float


def smoothed_losses(text: str, order: int) -> list[float]:
    """Run the reference with the order-th shuffle of the characters.

    Returns the smoothed loss at every iteration, in nats per window.
    """
    symbols = np.random.default_rng(order).permutation(sorted(set(text)))
    vocabulary = Vocabulary([str(symbol) for symbol in symbols])
    with threadpool_limits(1, "blas"):
        training = Training(
            vocabulary.encode(text), HYPERPARAMETERS, vocabulary=vocabulary, seed=SEED
        )
        return [step.smooth_loss for step in training]


def compare(runs: list[list[float]]) -> list[Comparison]:
    comparisons = []
    for iteration, published in PUBLISHED.items():
        here = [run[iteration - 1] for run in runs]
        mean, deviation = statistics.mean(here), statistics.stdev(here)
        z = 0.0 if published == mean else (published - mean) / deviation
        comparisons.append(
            Comparison(iteration, published, mean, deviation, min(here), max(here), z)
        )
    return comparisons


@figures.as_png
def picture(runs: list[list[float]], comparisons: list[Comparison]) -> "Figure":
    figure = figures.new_figure(8, 4.5)
    axes = figure.subplots()
    values = np.array(runs)
    iterations = np.arange(1, values.shape[1] + 1)
    mean, deviation = values.mean(axis=0), values.std(axis=0, ddof=1)
    axes.fill_between(
        iterations,
        values.min(axis=0),
        values.max(axis=0),
        color="tab:blue",
        alpha=0.15,
        linewidth=0,
        label=f"range of {len(runs)} character orders",
    )
    axes.fill_between(
        iterations,
        mean - deviation,
        mean + deviation,
        color="tab:blue",
        alpha=0.3,
        linewidth=0,
        label="one standard deviation",
    )
    axes.plot(iterations, mean, color="tab:blue", label="mean")
    axes.plot(
        [comparison.iteration for comparison in comparisons],
        [comparison.published for comparison in comparisons],
        "o",
        color="black",
        markersize=5,
        label="published",
    )
    for comparison in comparisons:
        axes.annotate(
            f"{comparison.z:+.1f}",
            (comparison.iteration, comparison.published),
            xytext=(0, -14),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
    axes.set_xlabel("iteration")
    axes.set_ylabel("smoothed loss, nats a window of 35")
    axes.set_title("The published run among the reference's (numbers: z-scores)")
    axes.grid(alpha=0.25)
    axes.legend()
    return figure


def published_run(
    corpus: Annotated[Path, typer.Argument(help="The notebook's corpus, kafka.txt.")],
    orders: Annotated[int, typer.Option(min=2, help="Number of shuffles of the characters.")] = 24,
    processes: Annotated[int, typer.Option(min=1, help="Runs at the same time.")] = 2,
    out: Annotated[Path, typer.Option(help="Folder for the figures and the plot.")] = Path(
        "out/published_run"
    ),
) -> None:
    """Repeat the published run with many character orders; plot the published run over them."""
    console = Console()
    try:
        loaded = corpora.load(str(corpus))
    except InputError as error:
        raise typer.BadParameter(str(error)) from error
    if loaded.sha256 != SHA256:
        raise typer.BadParameter(
            f"expected the notebook's corpus, SHA-256 {SHA256}, got {loaded.sha256}"
        )
    out.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(processes) as pool:
        waiting = pool.map(smoothed_losses, [loaded.text] * orders, range(orders))
        runs = list(
            track(
                waiting,
                f"{orders} runs of {HYPERPARAMETERS.iterations} iterations",
                total=orders,
                console=console,
            )
        )
    comparisons = compare(runs)
    (out / "published_run.json").write_text(
        json.dumps([asdict(comparison) for comparison in comparisons], indent=2) + "\n"
    )
    figures.write(out / "published_run.png", lambda: picture(runs, comparisons))
    table = Table("iteration", "published", "mean", "s.d.", "lowest", "highest", "z", box=None)
    for c in comparisons:
        table.add_row(
            str(c.iteration),
            *(
                f"{value:.3f}"
                for value in (c.published, c.mean, c.standard_deviation, c.lowest, c.highest)
            ),
            f"{c.z:+.2f}",
        )
    console.print(table)
    console.print(f"largest |z|: {max(abs(c.z) for c in comparisons):.2f}. Plot: {out}")
