"""bptt sample and bptt corpora: text out of a run, and text to put into one."""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from reference import Vocabulary

from .. import corpora, display, encoded_cache, whole_files, writing
from ..errors import InputError
from ..raw_text import Units
from ..run_folder import RunFolder
from .options import COUNT, SEED, RunPath, share, whole, zero_or_positive


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
            parser=share,
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
    last: Annotated[
        bool, typer.Option("--last", help="Use the last weights, not those of the best validation.")
    ] = False,
) -> None:
    """Let a trained network write text."""
    choice = writing.Choice(temperature=temperature, top_k=top_k, top_p=top_p)
    if prime is not None and prime_file is not None:
        raise InputError("give --prime or --prime-file, not both")
    folder = RunFolder(run)
    config = folder.read_config()
    units, vocabulary = config.corpus.units, Vocabulary(config.vocabulary)
    content = None if prime is None else prime.encode("utf-8", "surrogateescape")
    if prime_file is not None:
        content = whole_files.read(prime_file)
        if units == "characters":
            prime = corpora.decode(content, "utf-8", prime_file.name)
    if units == "bytes" and content is not None:
        prime = writing.as_bytes(content, vocabulary)
    parameters, initial_state = folder.load_model(last=last).in_float64()
    rng = np.random.default_rng(seed)
    for number in range(samples):
        if number:
            print()
        pieces = writing.write(parameters, vocabulary, initial_state, prime, length, choice, rng)
        _put_out(pieces, units)
        print()


def _put_out(pieces: Iterable[str], units: Units) -> None:
    """Show a person readable text as it comes; give a program the very characters or bytes."""
    if sys.stdout.isatty():
        for piece in writing.readable(pieces, units):
            print(display.harmless(piece), end="", flush=True)
    elif units == "bytes":
        sys.stdout.flush()
        sys.stdout.buffer.writelines(piece.encode("latin-1") for piece in pieces)
    else:
        sys.stdout.writelines(pieces)


def list_corpora() -> None:
    """List the texts that can be named instead of a file."""
    for name, built_in in corpora.BUILT_IN.items():
        corpus = corpora.load(name)
        _show(
            name,
            built_in.description,
            f"{len(corpus.text):,} characters, {len(set(corpus.text))} symbols",
            f"SHA-256 {corpus.sha256}",
        )
    for name, remote in corpora.REMOTE.items():
        kept = corpora.cached_file(name)
        _show(
            name,
            remote.description,
            f"read as {remote.units}",
            f"fetched to {kept}" if kept.exists() else f"fetched when first used, to {kept}",
            f"SHA-256 {remote.sha256} (of {kept.name})",
        )
    _show(
        "The cache",
        f"{corpora.cache_folder()} ($BPTT_CACHE names another; it may be deleted at any time)",
        f"encoded texts: {encoded_cache.used() / 1e6:,.0f} MB",
    )


def _show(heading: str, *lines: str) -> None:
    console = display.console()
    console.print(heading, style="bold")
    for line in lines:
        shown = display.wrapped(line, console.width, "  ") if console.is_terminal else f"  {line}"
        console.print(shown, soft_wrap=True, markup=False)
