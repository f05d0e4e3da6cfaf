"""bptt eval: a trained network on texts that it did not learn from."""

from typing import Annotated

import typer
from rich.console import Console

from reference import Vocabulary

from .. import display, parts
from ..encoded import open_corpus, translated
from ..errors import InputError
from ..evaluation import Evaluation
from ..results import evaluated
from ..run_folder import RunFolder
from .options import Encoding, RunPath, TextToScore


def evaluate(
    run: RunPath,
    corpus: TextToScore = None,
    encoding: Encoding = None,
    last: Annotated[
        bool, typer.Option("--last", help="Use the last weights, not those of the best validation.")
    ] = False,
) -> None:
    """Say how many bits a run's network needs for each character.

    Of CORPUS, read as one stream from the run's first state; without it, of the run's own
    validation and test texts.
    """
    folder = RunFolder(run)
    config = folder.read_config()
    model = folder.load_model(last=last)
    console = display.console()
    console.print(f"Weights of iteration {model.iteration}.")
    if corpus is not None:
        text = open_corpus(corpus, encoding or "utf-8", config.corpus.units)
        vocabulary = Vocabulary(config.vocabulary)
        indices = translated(text.indices, text.vocabulary, vocabulary)
        _say(console, text.name, evaluated(model, indices, text.name))
        return
    if encoding is not None:
        raise InputError("--encoding is that of a CORPUS, and none is given")
    record = config.corpus
    text = open_corpus(record.source, record.encoding, record.units)
    record.check(text)
    texts = parts.texts(config, text)
    if texts.validation is None and texts.test is None:
        raise InputError(f"{run} kept nothing for validation or test; name a CORPUS")
    for name in ("validation", "test"):
        _say(console, name, evaluated(model, getattr(texts, name), f"the {name} text"))


def _say(console: Console, name: str, evaluation: Evaluation | None) -> None:
    if evaluation is None:
        return
    unseen = f", {evaluation.unseen:,} unseen" if evaluation.unseen else ""
    console.print(
        f"{name}: {evaluation.bits_per_character:.4f} bits per character "
        f"({evaluation.scored:,} characters scored{unseen})",
        markup=False,
    )
