"""bptt train: begin a run, or go on with one."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console

from reference import Vocabulary

from .. import checkpoint, corpora, display, engines, run_folder, session
from ..config import Config, CorpusRecord, Versions
from ..engines import Training
from ..errors import InputError
from ..run_folder import RunFolder
from .options import (
    COUNT,
    DEFAULTS,
    NO_CLIP,
    Clip,
    CorpusName,
    Encoding,
    HiddenSize,
    LearningRate,
    Seed,
    SeqLength,
    one_of,
    setting,
)


def train(
    corpus: CorpusName = None,
    hidden_size: HiddenSize = None,
    seq_length: SeqLength = None,
    learning_rate: LearningRate = None,
    iterations: Annotated[
        int | None, setting("--iterations", "Windows to train on.", "iterations", parser=COUNT)
    ] = None,
    seed: Seed = None,
    clip: Clip = None,
    sample_every: Annotated[
        int | None, setting("--sample-every", "Iterations.", "sample_every", parser=COUNT)
    ] = None,
    checkpoint_every: Annotated[
        int | None, setting("--checkpoint-every", "Iterations.", "checkpoint_every", parser=COUNT)
    ] = None,
    log_every: Annotated[
        int | None, setting("--log-every", "Iterations.", "log_every", parser=COUNT)
    ] = None,
    diagnostics: Annotated[
        bool | None,
        typer.Option(
            "--diagnostics",
            help="At every checkpoint, measure how the gradient flows back in time.",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        str | None,
        setting(
            "--engine",
            "Who computes.",
            "engine",
            parser=one_of(*engines.ENGINES),
            metavar="|".join(engines.ENGINES),
        ),
    ] = None,
    dtype: Annotated[
        str | None,
        setting(
            "--dtype",
            "In which numbers.",
            "dtype",
            parser=one_of(*engines.DTYPES),
            metavar="|".join(engines.DTYPES),
        ),
    ] = None,
    encoding: Encoding = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="RUN",
            help="The run folder to make. [default: the next free runs/CORPUS-N]",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        Path | None,
        typer.Option(
            "--resume",
            metavar="RUN",
            help="Go on with a run that was interrupted, or to more --iterations.",
        ),
    ] = None,
) -> None:
    """Train a network on a text.

    Ctrl-C saves and stops; --resume then goes on as if nothing had happened, bit for bit.
    """
    given = {
        "engine": engine,
        "dtype": dtype,
        "hidden_size": hidden_size,
        "seq_length": seq_length,
        "learning_rate": learning_rate,
        "iterations": iterations,
        "seed": seed,
        "clip": clip,
        "sample_every": sample_every,
        "checkpoint_every": checkpoint_every,
        "log_every": log_every,
        "diagnostics": diagnostics,
    }
    if resume is None:
        folder, config, training = begin(corpus, encoding, out, given)
    else:
        given |= {"encoding": encoding, "out": out}
        folder, config, training = go_on(resume, corpus, given)
    carry_out(folder, config, training)


def begin(
    source: str | None, encoding: str | None, out: Path | None, given: dict[str, Any]
) -> tuple[RunFolder, Config, Training]:
    """Make a new run. Raises InputError before anything is on disk, or leaves nothing there."""
    if out is not None:
        run_folder.refuse_existing(out)
    encoding = encoding or "utf-8"
    corpus = corpora.load(source or corpora.DEFAULT, encoding)
    settings = DEFAULTS | {key: value for key, value in given.items() if value is not None}
    if settings["clip"] == NO_CLIP:
        settings["clip"] = None
    vocabulary = Vocabulary.from_text(corpus.text)
    config = Config(
        **settings,
        corpus=CorpusRecord(
            name=corpus.name,
            source=corpus.source,
            encoding=encoding,
            characters=len(corpus.text),
            sha256=corpus.sha256,
        ),
        vocabulary=list(vocabulary.symbols),
        versions=Versions.current(),
    )
    training = prepare(config, corpus)
    folder = run_folder.create(out or run_folder.next_free(corpus.name), config, training)
    return folder, config, training


def go_on(
    path: Path, source: str | None, given: dict[str, Any]
) -> tuple[RunFolder, Config, Training]:
    """Take up a run where its checkpoint stands. Raises InputError where it can't be."""
    folder = RunFolder(path)
    config = folder.read_config()
    iterations, engine = given.pop("iterations"), given.pop("engine")
    fixed = [key.replace("_", "-") for key, value in given.items() if value is not None]
    if fixed:
        raise InputError(
            f"a resumed run keeps its settings (in {folder.config}); of them only --iterations "
            f"and --engine can be given, got {', '.join(fixed)}"
        )
    resumed = config.model_copy(
        update={
            "iterations": iterations or config.iterations,
            "engine": engine or config.engine,
        }
    )
    corpus = corpora.load(source or config.corpus.source, config.corpus.encoding)
    config.corpus.check(corpus)
    training = prepare(resumed, corpus)
    checkpoint.restore(folder.checkpoint, resumed, training)
    if resumed.iterations < training.iteration:
        raise InputError(
            f"the run has {training.iteration} iterations behind it; "
            f"--iterations must be at least that, got {resumed.iterations}"
        )
    if resumed != config:
        config = resumed
        folder.write_config(config)
    changed = config.versions.differences(Versions.current())
    if changed:
        print(
            f"note: {'; '.join(changed)}. The result may differ in its last bits from that of "
            f"a run never interrupted",
            file=sys.stderr,
        )
    return folder, config, training


def prepare(config: Config, corpus: corpora.Corpus) -> Training:
    refuse_too_large(config)
    vocabulary = Vocabulary(config.vocabulary)
    try:
        return engines.start(config, vocabulary.encode(corpus.text), vocabulary)
    except ValueError as error:
        raise InputError(f"{corpus.name}: {error}") from error


def refuse_too_large(config: Config) -> None:
    """Raises InputError for a network that this machine's memory can't hold.

    Asked first, since an operating system promises more memory than it has.
    """
    H, V = config.hidden_size, len(config.vocabulary)
    weights_gradients_and_sums = 3 * (H * H + 2 * H * V) * np.dtype(config.dtype).itemsize
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if weights_gradients_and_sums > memory:
        raise InputError(
            f"not enough memory for {H} hidden units and {V} symbols: they take "
            f"{weights_gradients_and_sums / 1e9:.3g} GB, this machine has {memory / 1e9:.3g}"
        )


def carry_out(folder: RunFolder, config: Config, training: Training) -> None:
    """Train, and say where everything is. Leaves with 130 or 143 when a signal stopped it."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{config.corpus.name}: {config.corpus.characters:,} characters, "
        f"{len(config.vocabulary)} symbols."
        + (f" Going on from iteration {training.iteration}." if training.iteration else ""),
        markup=False,
    )
    shown = display.choose(console, config, training.iteration)
    stopped = session.run(folder, config, training, shown)
    if stopped is not None:
        console.print(
            f"Stopped by {stopped.name} after iteration {training.iteration}; all is saved. "
            f"Go on with: bptt train --resume {folder.path}",
            markup=False,
        )
        sys.exit(128 + stopped)
    console.print(
        f"Finished {training.iteration} iterations: "
        f"{config.bits_per_character(training.smooth_loss):.3f} bits per character.\n"
        f"{folder.path} holds {folder.checkpoint.name}, {folder.log.name}, "
        f"{folder.samples.name}, {folder.loss_plot.name} and {folder.config.name}.\n"
        f"Let it write: bptt sample {folder.path}",
        markup=False,
    )
