"""bptt train: begin a run, or go on with one."""

from pathlib import Path
from typing import Annotated, Any

import typer

from ..engines.processes import joined
from .launching import lead
from .options import NONE, CorpusName, Jobs, Seeds, with_an_option_for_each_setting


@with_an_option_for_each_setting
def train(
    corpus: CorpusName = None,
    number: Seeds = None,
    jobs: Jobs = None,
    settings_file: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="FILE",
            help="A file of settings: TOML, or a run's config.json or card.md. Options on the "
            "command line overrule it.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="RUN",
            help="Run folder to make. [default: the next free runs/CORPUS-N]",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Continue a run that was interrupted, or to more --iterations.",
        ),
    ] = None,
    **options: Any,
) -> None:
    """Train a network on a text.

    Ctrl-C saves and stops; --resume continues to the same bytes as without the interruption.

    torchrun --nproc-per-node N -m bptt train … splits the lanes of --engine fast over N processes.
    """
    given = {
        name: None if value == NONE else value
        for name, value in options.items()
        if value is not None
    }
    with joined() as group:
        if group.leads:
            lead(corpus, given, number, jobs, settings_file, out, resume, group)
        else:
            from ..sessions.worker import work  # only here: it imports torch, which takes long

            work(group)
