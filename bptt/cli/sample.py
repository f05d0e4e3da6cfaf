"""bptt sample and bptt corpora: text out of a run, and text to put into one."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from reference import Vocabulary

from .. import errors, whole_files
from ..errors import InputError
from ..runs.folder import RunFolder
from ..text import corpora
from ..text.decoding import Units
from ..training import sampling
from .options import COUNT, SEED, LastWeights, RunPath, positive_fraction, whole, zero_or_positive


def sample(
    run: RunPath,
    prime: Annotated[
        str | None,
        typer.Option(
            "--prime",
            metavar="TEXT",
            help="Text to continue. [default: one character, drawn at random]",
            show_default=False,
        ),
    ] = None,
    prime_file: Annotated[
        Path | None,
        typer.Option(
            "--prime-file",
            metavar="FILE",
            help="A file with the text to continue, in UTF-8; for a run on bytes, any file.",
            show_default=False,
        ),
    ] = None,
    length: Annotated[
        int,
        typer.Option(
            "--length", parser=whole(0), metavar="N", help="Number of characters to write."
        ),
    ] = 200,
    temperature: Annotated[
        float,
        typer.Option(
            "--temperature",
            parser=zero_or_positive,
            metavar="NUMBER",
            help="How freely to draw: 0 always takes the most probable character, 1 draws with "
            "the network's own probabilities, more than 1 is wilder.",
        ),
    ] = 0.0,
    top_k: Annotated[
        int | None,
        typer.Option(
            "--top-k",
            parser=COUNT,
            metavar="N",
            help="Draw only from the N most probable characters (with --temperature).",
            show_default=False,
        ),
    ] = None,
    top_p: Annotated[
        float | None,
        typer.Option(
            "--top-p",
            parser=positive_fraction,
            metavar="P",
            help="Draw only from the most probable characters that together reach "
            "probability P (nucleus sampling; with --temperature).",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", parser=COUNT, metavar="N", help="Number of texts to write.")
    ] = 1,
    seed: Annotated[
        int, typer.Option("--seed", parser=SEED, metavar="N", help="Seed of what is drawn.")
    ] = 1,
    last: LastWeights = False,
) -> None:
    """Let a trained network write text."""
    choice = sampling.Choice(temperature=temperature, top_k=top_k, top_p=top_p)
    if prime is not None and prime_file is not None:
        raise InputError("give --prime or --prime-file, not both")
    folder = RunFolder(run)
    config = folder.read_config()
    units, vocabulary = config.corpus.units, Vocabulary(config.vocabulary)
    content = None if prime is None else prime.encode("utf-8", "surrogateescape")
    if prime_file is not None:
        content = whole_files.read(prime_file)
        if units == "characters":
            prime = corpora.decode(content, "utf-8", str(prime_file))
    if units == "bytes" and content is not None:
        prime = sampling.as_bytes(content, vocabulary)
    parameters, initial_state = folder.load_model(last=last).in_float64()
    rng = np.random.default_rng(seed)
    for number in range(samples):
        if number:
            print()
        pieces = sampling.write(parameters, vocabulary, initial_state, prime, length, choice, rng)
        _put_out(pieces, units)
        print()


def _put_out(pieces: Iterable[str], units: Units) -> None:
    """Show a person readable text as it comes; give a program the very characters or bytes."""
    if sys.stdout is None:  # closed from the start
        raise InputError("can't write on standard output: it is closed")
    if sys.stdout.isatty():
        for piece in sampling.readable(pieces, units):
            print(errors.harmless(piece), end="", flush=True)
    elif units == "bytes":
        sys.stdout.flush()
        sys.stdout.buffer.writelines(piece.encode("latin-1") for piece in pieces)
    else:
        sys.stdout.writelines(pieces)
