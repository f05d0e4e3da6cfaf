"""card.md of several seeds: the card of a run, with means and deviations."""

from ..markdown import table
from ..runs import card, published, results, smoothing
from ..runs.config import Config
from ..runs.ending import MEAN
from ..runs.results import Results
from .seeds_folder import SeedsFolder, Summary

LINES = {
    "validation": "validation",
    "validation_windows": f"validation, {card.IN_WINDOWS}",
    "test": "test",
    "test_windows": f"test, {card.IN_WINDOWS}",
    "smoothed": f"training, {MEAN}",
}


def of_seeds(folder: SeedsFolder, config: Config, summary: Summary) -> str:
    """Return the card of several seeds in Markdown. Raises InputError for damaged results."""
    found = {seed: results.read(folder.run(seed).results) for seed in summary.seeds}
    more = f" --seeds {summary.n}"
    file = f"seed-{summary.seeds[0]}/config.json"
    sections = [
        card.heading(config),
        f"{summary.n} runs that differ in the seed of their weights.",
        _results(config, summary, found[summary.seeds[0]]),
        f"![Mean and standard deviation over the seeds]({folder.plot.name})",
        _by_seed(summary),
        "## Data\n\n" + card.data(config),
        "## Protocol\n\n" + card.protocol(published.to_block(config, found, without=("seed",))),
        "## Again\n\n" + card.again(config, more=more, file=file),
        card.versions(config),
        card.closing(),
    ]
    return "\n\n".join(sections) + "\n"


def _results(config: Config, summary: Summary, first: Results) -> str:
    rows = []
    for name, shown in LINES.items():
        spread = getattr(summary, name)
        if spread is not None:
            more = (spread.standard_deviation, spread.minimum, spread.maximum)
            rows.append((shown, *card.both(spread.mean), *(f"{figure:.4f}" for figure in more)))
    lines = card.ngram_lines(first)  # the same for all seeds
    rows += [(name, *card.both(bits), "", "", "") for name, bits in lines]
    rows.append(("guessing among all symbols", *card.both(smoothing.guess(config)), "", "", ""))
    header = ("bits per character", "mean", "in nats", "standard deviation (n − 1)", "lowest",
              "highest")  # fmt: skip
    windows = summary.validation_windows is summary.test_windows is None
    return table(header, rows) + ("" if windows else f"\n\n{card.COUNTED}")


def _by_seed(summary: Summary) -> str:
    shown = [
        ("training" if name == "smoothed" else name, spread.values)
        for name in ("validation", "test", "smoothed")
        if (spread := getattr(summary, name)) is not None
    ]
    rows = [
        (
            f"seed {seed}",
            *(f"{values[place]:.4f}" for _, values in shown),
            f"{summary.seconds.values[place]:,.1f}",
        )
        for place, seed in enumerate(summary.seeds)
    ]
    links = ", ".join(f"[seed {seed}](seed-{seed}/card.md)" for seed in summary.seeds)
    names = (name for name, _ in shown)
    return f"{table(('', *names, 'seconds'), rows)}\n\nEach has a card: {links}."
