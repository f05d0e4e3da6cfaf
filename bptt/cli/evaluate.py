"""bptt eval: a trained network on texts that it did not learn from."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from reference import Vocabulary

from .. import terminal
from ..errors import InputError
from ..experiments.seeds_folder import SeedsFolder, Spread
from ..runs import data
from ..runs.config import Config
from ..runs.folder import RunFolder
from ..runs.results import evaluated
from ..text.encoded import Encoded, translated
from ..text.library import Library
from ..text.records import Split
from ..training.evaluation import Evaluation
from .options import COUNT, LastWeights, RunOrSeedsPath, TextToScore

Encoding = Annotated[
    str | None,
    typer.Option(
        "--encoding",
        metavar="NAME",
        help="Encoding of the text. [default: that of the run's text]",
        show_default=False,
    ),
]


def evaluate(
    run: RunOrSeedsPath,
    corpus: TextToScore = None,
    encoding: Encoding = None,
    last: LastWeights = False,
    windows: Annotated[
        int | None,
        typer.Option(
            "--windows",
            parser=COUNT,
            metavar="N",
            help="Also read the text in windows of N characters that don't overlap, each from the "
            "initial state, without what stands before it; nanoGPT counts so, with N = 256.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Evaluate a run's network in bits and nats per character.

    CORPUS is read as one stream from the run's initial state. Without it, or if it is the run's own
    text, the run's validation and test splits are evaluated. Of a folder of several seeds, each
    seed is, and the mean and standard deviation are given.
    """
    if encoding is not None and corpus is None:
        raise InputError("--encoding is that of a CORPUS, and none is given")
    seeds, console, library = SeedsFolder(run), terminal.console(), Library()
    if not seeds.exists():
        folder = RunFolder(run)
        evaluator = _Evaluator(folder, last, windows, library)
        console.print(evaluator.weights, markup=False)
        for figure in evaluator.figures(corpus, encoding, console):
            _show(figure, console)
        return
    found = []
    for seed in seeds.read().seeds:
        evaluator = _Evaluator(seeds.run(seed), last, windows, library)
        said = console if not found else None  # of which splits are read, once
        found.append((seed, evaluator.weights, list(evaluator.figures(corpus, encoding, said))))
    for figures in zip(*(figures for _, _, figures in found), strict=True):
        _show_seeds([seed for seed, _, _ in found], figures, console)
    for seed, weights, _ in found:
        console.print(f"seed {seed}: {weights}", markup=False)


@dataclass(frozen=True)
class _Figure:
    """The evaluation of a network on a text, under its name, read in one of the ways."""

    name: str
    window: int | None
    evaluation: Evaluation

    @property
    def heading(self) -> str:
        return self.name if self.window is None else f"{self.name}, windows of {self.window:,}"

    @property
    def scored(self) -> str:
        one = self.evaluation
        unseen = f", {one.unseen:,} unseen" if one.unseen else ""
        return f"{one.scored:,} characters scored{unseen}"


class _Evaluator:
    """Evaluates a run's network on texts."""

    def __init__(self, folder: RunFolder, last: bool, windows: int | None, library: Library):
        self._folder, self._config = folder, folder.read_config()
        self._model = folder.load_model(last=last)
        self._ways = (None,) if windows is None else (None, windows)
        self._library = library
        self._vocabulary = Vocabulary(self._config.vocabulary)

    @property
    def weights(self) -> str:
        """Say which weights are evaluated, how many they are, and what they have learned from."""
        config, iteration = self._config, self._model.iteration
        return (
            f"Weights of iteration {iteration}: {config.parameter_count:,} parameters, "
            f"{iteration * config.window_size:,} {config.corpus.units} learned from."
        )

    def figures(
        self, corpus: str | None, encoding: str | None, console: Console | None
    ) -> Iterator[_Figure]:
        """Yield the figures of a text, or of what the run keeps for validation and test."""
        config, path = self._config, self._folder.path
        held_out = {
            name: split for name, split in config.parts if name != "train" and split is not None
        }
        if corpus is not None:
            record = config.corpus
            text = self._library.open(corpus, encoding or record.encoding, record.units)
            own = {
                name: split
                for name, split in held_out.items()
                if (split.corpus or record).sha256 == text.sha256
            }
            if console is not None:
                for line in _introduction(text, own, config):
                    console.print(line, markup=False)
            if not own:
                indices = translated(text.indices, text.vocabulary, self._vocabulary)
                yield from self._of(text.name, text.name, indices)
            for name, split in own.items():
                yield from self._of_split(name, split, text)
            return
        if not held_out:
            raise InputError(f"{path} kept nothing for validation or test; name a CORPUS")
        for name, split in held_out.items():
            record, advice = split.corpus or config.corpus, f"Name it: bptt eval {path} TEXT"
            yield from self._of_split(name, split, self._library.find(record, path, advice))

    def _of_split(self, name: str, split: Split, text: Encoded) -> Iterator[_Figure]:
        indices = data.held_out(split, text, self._vocabulary, name)
        yield from self._of(name, f"the {name} text", indices)

    def _of(self, name: str, called: str, indices: np.ndarray) -> Iterator[_Figure]:
        for window in self._ways:
            found = evaluated(self._model, indices, called, self._config.engine, window)
            if window is None:
                unseen = found.unseen
                self._library.note_unseen(called, unseen, len(indices), self._config.corpus)
            yield _Figure(name, window, found)


def _introduction(text: Encoded, own: dict[str, Split], config: Config) -> list[str]:
    if own:
        names = " and ".join(own)
        return [f"{text.name} is the run's own text. Scored is what it keeps for {names}:"]
    if text.sha256 == config.corpus.sha256:
        return [f"{text.name} is what the run learned from, all of it."]
    return []


def _show(figure: _Figure, console: Console) -> None:
    one = figure.evaluation
    console.print(
        f"{figure.heading}: {one.bits_per_character:.4f} bits per character, "
        f"{one.nats_per_character:.4f} nats ({figure.scored})",
        markup=False,
    )


def _show_seeds(seeds: list[int], figures: tuple[_Figure, ...], console: Console) -> None:
    spread = Spread.of([one.evaluation.bits_per_character for one in figures])
    mean, deviation = spread.mean, spread.standard_deviation
    in_nats = math.log(2)
    console.print(f"{figures[0].heading} ({figures[0].scored}):", style="bold", markup=False)
    for seed, figure in zip(seeds, figures, strict=True):
        one = figure.evaluation
        console.print(
            f"  seed {seed}: {one.bits_per_character:.4f} bits per character, "
            f"{one.nats_per_character:.4f} nats",
            markup=False,
        )
    console.print(
        f"  mean: {mean:.4f} ± {deviation:.4f} bits per character, "
        f"{mean * in_nats:.4f} ± {deviation * in_nats:.4f} nats",
        markup=False,
    )
