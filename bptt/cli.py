"""The command line: bptt train, sample, corpora."""

import io
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from reference import Vocabulary

from . import checkpoint, corpora, display, engines, run_folder, session, writing
from .config import Config, CorpusRecord, Versions
from .engines import Training
from .errors import InputError
from .run_folder import RunFolder

app = typer.Typer(
    help="A character-level recurrent network with gradients that can be trusted.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

DEFAULTS = {
    "engine": "numpy",
    "dtype": "float64",
    "hidden_size": 150,
    "seq_length": 35,
    "learning_rate": 0.05,
    "iterations": 10_000,
    "seed": 1,
    "clip": 5.0,
    "sample_every": 1000,
    "checkpoint_every": 1000,
    "log_every": 10,
}
NO_CLIP = math.inf


def main() -> None:
    """Run the command line; bad input is one line on standard error and exit status 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        app()
    except InputError as error:
        fail(str(error))
    except MemoryError as error:
        fail(f"not enough memory: {error or 'try smaller sizes'}")
    except KeyboardInterrupt:
        sys.exit(130)


def fail(message: str) -> None:
    print(f"error: {display.harmless(message)}", file=sys.stderr)
    sys.exit(2)


def whole(lowest: int, highest: int | None = None) -> Callable[[str], int]:
    """Make a parser of whole numbers in a range."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = lowest - 1
        if value < lowest or (highest is not None and value > highest):
            range_ = f"at least {lowest}" if highest is None else f"{lowest} to {highest}"
            raise typer.BadParameter(f"expected a whole number of {range_}, got {text}")
        return value

    return parse


def one_of(*names: str) -> Callable[[str], str]:
    """Make a parser of one of these names."""

    def parse(text: str) -> str:
        if text not in names:
            raise typer.BadParameter(f"expected one of {', '.join(names)}, got {text}")
        return text

    return parse


def positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 < value < math.inf:
        raise typer.BadParameter(f"expected a positive finite number, got {text}")
    return value


def positive_or_none(text: str) -> float:
    return NO_CLIP if text == "none" else positive(text)


COUNT = whole(1)
SEED = whole(0, 2**32 - 1)


def setting(name: str, text: str, key: str, **more: Any) -> Any:
    """An option that is None unless given: a resumed run must know which were."""
    text = f"{text} [default: {DEFAULTS[key]}]"
    return typer.Option(name, help=text, show_default=False, **{"metavar": "N", **more})


RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]


@app.command()
def train(
    corpus: Annotated[
        str | None,
        typer.Argument(
            metavar="[CORPUS]",
            help="A file, - for standard input, or a name that `bptt corpora` lists "
            f"[default: {corpora.DEFAULT}].",
            show_default=False,
        ),
    ] = None,
    hidden_size: Annotated[
        int | None, setting("--hidden", "Hidden units.", "hidden_size", parser=COUNT)
    ] = None,
    seq_length: Annotated[
        int | None, setting("--seq-length", "Characters in a window.", "seq_length", parser=COUNT)
    ] = None,
    learning_rate: Annotated[
        float | None,
        setting("--learning-rate", "Adagrad's.", "learning_rate", parser=positive, metavar="RATE"),
    ] = None,
    iterations: Annotated[
        int | None, setting("--iterations", "Windows to train on.", "iterations", parser=COUNT)
    ] = None,
    seed: Annotated[int | None, setting("--seed", "Of the weights.", "seed", parser=SEED)] = None,
    clip: Annotated[
        float | None,
        setting(
            "--clip",
            "Bound of the running sums, or none.",
            "clip",
            parser=positive_or_none,
            metavar="NUMBER|none",
        ),
    ] = None,
    sample_every: Annotated[
        int | None, setting("--sample-every", "Iterations.", "sample_every", parser=COUNT)
    ] = None,
    checkpoint_every: Annotated[
        int | None, setting("--checkpoint-every", "Iterations.", "checkpoint_every", parser=COUNT)
    ] = None,
    log_every: Annotated[
        int | None, setting("--log-every", "Iterations.", "log_every", parser=COUNT)
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
    encoding: Annotated[
        str | None,
        typer.Option(
            "--encoding", metavar="NAME", help="Of CORPUS. [default: utf-8]", show_default=False
        ),
    ] = None,
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
    vocabulary = Vocabulary(config.vocabulary)
    try:
        return engines.start(config, vocabulary.encode(corpus.text), vocabulary)
    except ValueError as error:
        raise InputError(f"{corpus.name}: {error}") from error


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


@app.command()
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


@app.command("corpora")
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
