"""card.md: a run's settings, data and results, for somebody who finds its folder."""

import math

from .. import files
from ..errors import explained
from ..markdown import cell, fenced, table
from ..text.records import CorpusRecord, Split
from ..training.evaluation import WINDOW, Evaluation
from . import published, smoothing
from .config import Config
from .ending import MEAN, TEMPERATURE, Ending, worse_than_guessing
from .folder import RunFolder
from .results import Results

IN_WINDOWS = f"windows of {WINDOW}"
COUNTED = (
    f"In windows of {WINDOW}, as nanoGPT counts: each window begins from the initial state, "
    "without what stands before it; all that don't overlap are read, up to the last whole one."
)
TITLE = "bptt: hand-written back-propagation through time that can be trusted"


def write(folder: RunFolder, config: Config, results: Results, ending: Ending) -> None:
    """Write card.md. Raises InputError if it can't be written."""
    content = of_run(folder, config, results, ending)
    with explained("write", folder.card):
        files.write(folder.card, content.encode("utf-8", "surrogatepass"))


def of_run(folder: RunFolder, config: Config, results: Results, ending: Ending) -> str:
    sections = [
        heading(config),
        _results(config, results, ending),
        f"![Loss against characters read]({folder.loss_plot.name})",
        "## Data\n\n" + data(config),
        "## Protocol\n\n" + protocol(published.to_block(config, results)),
        f"## Samples\n\nOf the weights of iteration {results.iteration:,}, drawn at temperature "
        f"{TEMPERATURE:g}:\n\n{fenced(ending.drawn)}\n\nGreedy, that is, always the most probable "
        f"character:\n\n{fenced(ending.greedy)}",
        "## Again\n\n" + again(config),
        versions(config),
        closing(f"{ONE_SEED} "),
    ]
    return "\n\n".join(sections) + "\n"


def heading(config: Config) -> str:
    return (
        f"# A character-level recurrent network on {cell(config.corpus.name)}\n\n"
        f"One layer of {config.hidden_size:,} tanh units over {len(config.vocabulary):,} symbols, "
        f"{config.parameter_count:,} weights, trained by back-propagation through time in windows "
        f"of {config.seq_length:,} {config.corpus.units}"
        + (f", {config.lanes:,} side by side." if config.lanes > 1 else ".")
        + _initial(config)
    )


def _initial(config: Config) -> str:
    if config.init_from is None:
        return ""
    return (
        f" It started from the weights of {cell(config.init_from)}, SHA-256 "
        f"{config.initial_weights}."
    )


def _results(config: Config, results: Results, ending: Ending) -> str:
    ended = f" It ended early: {results.ended}." if results.ended else ""
    rows = [
        (name, *both(one.bits_per_character), f"{one.scored:,}", f"{one.unseen:,}")
        for name, one in (
            ("validation", results.validation),
            (f"validation, {IN_WINDOWS}", results.validation_windows),
            ("test", results.test),
            (f"test, {IN_WINDOWS}", results.test_windows),
        )
        if isinstance(one, Evaluation)
    ]
    rows += [(name, *both(bits), "", "") for name, bits in ngram_lines(results)]
    rows.append((f"training, {MEAN}", *both(ending.training_bits), "", ""))
    rows.append(("guessing among all symbols", *both(smoothing.guess(config)), "", ""))
    windows = "" if results.validation_windows is results.test_windows is None else f" {COUNTED}"
    worse = worse_than_guessing(config, results, ending)
    return (
        (f"**{worse}**\n\n" if worse else "")
        + table(("", "bits per character", "nats", "scored", "unseen"), rows)
        + f"\n\n{results.iterations:,} iterations, {results.characters:,} {config.corpus.units} "
        f"read, {results.seconds:,.1f} s.{ended} Validation and test are of the weights of "
        f"iteration {results.iteration:,}, each text read once, as one stream.{windows}"
    )


def ngram_lines(results: Results) -> list[tuple[str, float]]:
    """Return the lines of the n-gram model: their names, and bits per character."""
    found = results.ngram
    lines = [] if found is None else [("validation", found.validation), ("test", found.test)]
    return [(f"{name}, {found.name}", bits) for name, bits in lines if found and bits is not None]


def both(bits: float) -> tuple[str, str]:
    """Return a loss in bits and in nats."""
    return f"{bits:.4f}", f"{bits * math.log(2):.4f}"


def data(config: Config) -> str:
    rows = []
    for name in ("train", "validation", "test"):
        split: Split | None = getattr(config.parts, name)
        if split is not None:
            corpus: CorpusRecord = split.corpus or config.corpus
            end = split.start + split.length
            rows.append(
                (
                    name,
                    corpus.name,
                    f"{split.start:,} to {end:,}",
                    f"{split.length:,}",
                    corpus.sha256,
                )
            )
    return (
        table(("split", "text", "from, to", config.corpus.units, "SHA-256 of the text"), rows)
        + f"\n\n{cell(config.corpus.name)} has {config.corpus.length:,} {config.corpus.units}; the "
        "symbols are those of the training split, what else occurs is unseen."
    )


def protocol(block: str) -> str:
    return (
        "Settings, and the SHA-256 of the text and of the weights, the last and the best by "
        f"validation:\n\n{fenced(block, 'toml')}"
    )


def again(config: Config, *, more: str = "", file: str = "config.json") -> str:
    standard_input = " - < TEXT" if config.corpus.source == "-" else ""
    budget = (
        "" if config.time_budget is None else ", but for the clock, which its budget depends on"
    )
    where = (
        "on any processor"
        if config.engine == "fast"
        and (config.initialization != "notebook" or config.init_from is not None)
        else "on the versions below and the same kind of processor"
    )
    return (
        f"{fenced(f'bptt train{standard_input} --config {file}{more}')}\n\n"
        f"With --engine {config.engine}, {where}, to the last bit{budget}. If the text has "
        "moved, name it after `train`. `bptt reproduce card.md` trains again from this "
        "card alone and compares the weights; `bptt reproduce RUN` does so at every checkpoint."
    )


def versions(config: Config) -> str:
    return table(("", "version"), list(config.versions.model_dump().items()))


ONE_SEED = "One seed says nothing of the spread: `bptt train --seeds 5` does."


def closing(of_seeds: str = "") -> str:
    return f"""## To cite

*{TITLE}*, with the version above; CITATION.cff in the project has the rest.

## Limits

The figures are of one text, its split and this protocol; other splits or units give others. Bits
per character compare only over the same validation or test text and the same symbols.
{of_seeds}The network repeats what its text says, right or wrong, and writes no facts."""
