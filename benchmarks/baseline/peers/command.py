"""`python -m benchmarks baseline peer`: train a reference network, or go on with it."""

import sys
from pathlib import Path
from typing import Annotated

import torch
import typer

from bptt.errors import InputError

from . import run, settings


def peer(
    corpus: Annotated[
        str | None, typer.Argument(metavar="CORPUS", help="A file, or a corpus's name.")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="FILE", help="Settings, in TOML.")
    ] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, metavar="N")] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="RUN", help="A new folder.")] = None,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RUN", help="Go on with this run instead.")
    ] = None,
) -> None:
    """Train nn.LSTM, nn.GRU, minGRU or nn.RNN on one core, to its end or to a signal."""
    torch.set_num_threads(1)
    if resume is not None:
        if not (corpus is None and config is None and seed is None and out is None):
            raise InputError("a resumed run keeps its text, settings and folder: --resume alone")
        going = run.PeerRun(resume)
    elif corpus is None or config is None or out is None:
        raise InputError("a new run needs CORPUS, --config FILE and --out RUN")
    else:
        given = settings.read(config)
        going = run.create(corpus, given if seed is None else given | {"seed": seed}, out)
    stopped = going.train()
    if stopped is not None:
        sys.exit(128 + stopped)
    outcome = run.results.read(going.results_file)
    assert outcome.validation is not None
    print(f"validation {outcome.validation.bits_per_character:.4f} bits: {going.path}")
