"""bptt sample and bptt corpora: text out of a run, and text to put into one."""

import sys
from typing import Annotated

import typer
from rich.console import Console

from reference import Vocabulary

from .. import checkpoint, corpora, display, writing
from ..run_folder import RunFolder
from .options import SEED, RunPath, whole


def sample(
    run: RunPath,
    prime: Annotated[
        str | None,
        typer.Option(
            "--prime",
            metavar="TEXT",
            help="The text to go on from. [default: one character, drawn with the seed]",
            show_default=False,
        ),
    ] = None,
    length: Annotated[
        int, typer.Option("--length", parser=whole(0), metavar="N", help="Characters to write.")
    ] = 200,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", parser=SEED, metavar="N", help="Of the first character without --prime."
        ),
    ] = 1,
) -> None:
    """Let a trained network write, each time its most probable next character."""
    folder = RunFolder(run)
    config = folder.read_config()
    parameters = checkpoint.load_parameters(folder.checkpoint, config)
    text = writing.write(parameters, Vocabulary(config.vocabulary), prime, length, seed)
    print(display.harmless(text) if sys.stdout.isatty() else text)


def list_corpora() -> None:
    """List the texts that are built in."""
    console = Console(highlight=False)
    for name, built_in in corpora.BUILT_IN.items():
        corpus = corpora.load(name)
        console.print(name, style="bold")
        for line in (
            built_in.description,
            f"{len(corpus.text):,} characters, {len(set(corpus.text))} symbols",
            f"SHA-256 {corpus.sha256}",
        ):
            console.print(f"  {line}", soft_wrap=True)
