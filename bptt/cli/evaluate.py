"""bptt eval: a trained network on texts that it did not learn from."""

from typing import Annotated

import numpy as np
import typer
from rich.console import Console

from reference import Vocabulary

from .. import terminal
from ..errors import InputError
from ..runs import data
from ..runs.checkpoint import Model
from ..runs.config import Config
from ..runs.folder import RunFolder
from ..runs.results import evaluated
from ..text.encoded import Encoded, translated
from ..text.library import Library
from ..text.records import Split
from .options import RunPath, TextToScore

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
    run: RunPath,
    corpus: TextToScore = None,
    encoding: Encoding = None,
    last: Annotated[
        bool, typer.Option("--last", help="Use the last weights, not those of the best validation.")
    ] = False,
) -> None:
    """Evaluate a run's network in bits per character.

    CORPUS is read as one stream from the run's initial state. Without it, or if it is the run's own
    text, the run's validation and test splits are evaluated.
    """
    folder = RunFolder(run)
    config = folder.read_config()
    model = folder.load_model(last=last)
    console = terminal.console()
    library = Library()
    console.print(f"Weights of iteration {model.iteration}.")
    held_out = {
        name: split for name, split in config.parts if name != "train" and split is not None
    }
    scorer = _Scorer(config, model, library, console)
    if corpus is not None:
        record = config.corpus
        text = library.open(corpus, encoding or record.encoding, record.units)
        own = {
            name: split
            for name, split in held_out.items()
            if (split.corpus or record).sha256 == text.sha256
        }
        for line in _introduction(text, own, config):
            console.print(line, markup=False)
        if not own:
            scorer.score_whole(text)
        for name, split in own.items():
            scorer.score(name, split, text)
        return
    if encoding is not None:
        raise InputError("--encoding is that of a CORPUS, and none is given")
    if not held_out:
        raise InputError(f"{run} kept nothing for validation or test; name a CORPUS")
    for name, split in held_out.items():
        record = split.corpus or config.corpus
        scorer.score(name, split, library.find(record, run, f"Name it: bptt eval {run} TEXT"))


def _introduction(text: Encoded, own: dict[str, Split], config: Config) -> list[str]:
    if own:
        names = " and ".join(own)
        return [f"{text.name} is the run's own text. Scored is what it keeps for {names}:"]
    if text.sha256 == config.corpus.sha256:
        return [f"{text.name} is what the run learned from, all of it."]
    return []


class _Scorer:
    """Scores texts with a run's network and says what came out."""

    def __init__(self, config: Config, model: Model, library: Library, console: Console) -> None:
        self._config, self._model = config, model
        self._library, self._console = library, console
        self._vocabulary = Vocabulary(config.vocabulary)

    def score(self, name: str, split: Split, text: Encoded) -> None:
        """Score what the run keeps for validation or test."""
        indices = data.held_out(split, text, self._vocabulary, name)
        self._say(name, f"the {name} text", indices)

    def score_whole(self, text: Encoded) -> None:
        indices = translated(text.indices, text.vocabulary, self._vocabulary)
        self._say(text.name, text.name, indices)

    def _say(self, name: str, called: str, indices: np.ndarray) -> None:
        evaluation = evaluated(self._model, indices, called, self._config.engine)
        assert evaluation is not None
        self._library.note_unseen(called, evaluation.unseen, len(indices), self._config.corpus)
        unseen = f", {evaluation.unseen:,} unseen" if evaluation.unseen else ""
        self._console.print(
            f"{name}: {evaluation.bits_per_character:.4f} bits per character "
            f"({evaluation.scored:,} characters scored{unseen})",
            markup=False,
        )
