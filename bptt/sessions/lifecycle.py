"""The life of a run: its texts, its folder, its training, its results."""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from .. import memory, terminal
from ..engines import processes
from ..engines.processes import ALONE, Command, ProcessGroup
from ..errors import InputError, counted
from ..runs import card, checkpoint, data, digests, ending, results
from ..runs import folder as run_folder
from ..runs.config import Config
from ..runs.data import Texts, relocated
from ..runs.folder import RunFolder
from ..settings import Settings
from ..strict import explain
from ..text import corpora, splits
from ..text.library import Library
from ..text.records import CorpusRecord
from ..training.base import Training
from ..training.start import start as start_training
from ..training.state import put_weights
from ..training.validation import ValidationHistory
from ..versions import Versions
from . import changes, display, initial_weights, summary, tensorboard
from .initial_weights import InitialWeights
from .session import Session

FILES = ("validation_file", "test_file")  # which may have moved when a run is resumed
DYING = 30.0  # seconds for which a killed process may still lock its run folder


@dataclass(frozen=True)
class Run:
    """A run in memory: new, or as its checkpoint left it."""

    folder: RunFolder
    config: Config
    texts: Texts
    training: Training
    progress: ValidationHistory

    def __repr__(self) -> str:
        done = f"{self.training.iteration:,} of {self.config.iterations:,} iterations"
        return f"<Run in {self.folder.path}: {self.config.corpus.name}, {done}>"


def begin(
    source: str | None,
    given: dict[str, Any],
    out: Path | None,
    together: ProcessGroup = ALONE,
    library: Library | None = None,
) -> RunFolder:
    """Make a new run and train it; after a restart by torchrun, resume it instead.

    `source` is a corpus's name, a path or "-" (None: the default corpus), `given` has settings by
    name, `out` is the run folder (None: the next free one). Raises InputError; a run that can't
    begin leaves nothing on disk. Exits with status 130 or 143 after a signal.
    """
    if out is None and processes.job() is not None:
        raise InputError("under torchrun, name the run folder: --out RUN; a restart resumes it")
    if out is not None and processes.is_restart() and RunFolder(out).was_made_by(processes.job()):
        return resume(out, source, {}, together, library)
    run = make(source, given, out, together, library)
    with run.folder.held():
        train_to_end(run)
    return run.folder


def make(
    source: str | None,
    given: dict[str, Any],
    out: Path | None,
    together: ProcessGroup = ALONE,
    library: Library | None = None,
    initial_digest: str | None = None,
) -> Run:
    """Make the folder of a run before its first iteration.

    `initial_digest` is the SHA-256 that the weights of another run must have, if it starts from
    some. Raises InputError as begin does.
    """
    library = library or Library()
    if out is not None:
        run_folder.refuse_existing(out)
    settings, initial = _initialized(given)
    processes.refuse(settings, together)
    text = library.open(source or corpora.DEFAULT, settings.encoding, settings.units)
    divided = splits.split_text(text, settings, library)
    chosen: dict[str, Any] = settings.model_dump() | splits.sources(divided)
    vocabulary = splits.vocabulary_of(text, divided.train)
    if initial is not None:
        initial.refuse_unknown(vocabulary.symbols, text.name)
        vocabulary, arrays = initial.vocabulary, initial.arrays(settings)
        chosen["init_from"] = str(initial.source)
        chosen["initial_weights"] = digests.of_weights(arrays)
        if initial_digest is not None:
            initial_weights.refuse_other(initial_digest, arrays, initial.source)
    config = Config(
        **chosen,
        corpus=CorpusRecord.of(text),
        parts=divided,
        vocabulary=list(vocabulary.symbols),
        versions=Versions.current(),
    )
    texts = _texts(config, library)
    training = start(config, texts, together, initial)
    path = out or run_folder.next_free(text.name)
    folder = run_folder.create(path, config, training, processes.job())
    return Run(folder, config, texts, training, ValidationHistory())


def _initialized(given: dict[str, Any]) -> tuple[Settings, InitialWeights | None]:
    settings = checked(given)
    if settings.init_from is None:
        return settings, None
    initial = InitialWeights.read(Path(settings.init_from), settings.seed)
    settings = checked(initial.filled_in(given))
    initial.check(settings)
    return settings, initial


def checked(given: dict[str, Any]) -> Settings:
    """Return settings. Raises InputError that says which are wrong or incompatible."""
    try:
        return Settings(**given)
    except ValidationError as error:
        raise InputError(explain(error)) from error


def resume(
    path: Path,
    source: str | None,
    given: dict[str, Any],
    together: ProcessGroup = ALONE,
    library: Library | None = None,
) -> RunFolder:
    """Resume a run from its checkpoint. Raises InputError if that isn't possible."""
    folder = RunFolder(path)
    folder.read_config()  # before anything is written into what may be no run folder
    with folder.held(DYING if processes.is_restart() else 0.0):
        train_to_end(restored(folder, source, given, together, library))
    return folder


def restored(
    folder: RunFolder,
    source: str | None,
    given: dict[str, Any],
    together: ProcessGroup = ALONE,
    library: Library | None = None,
) -> Run:
    """Load a run from its checkpoint; its config then has the current places of its texts.

    Raises InputError for a setting that can't change, and for a text that isn't the run's.
    """
    library = library or Library()
    before = folder.read_config()
    files = {key: given[key] for key in FILES if key in given and getattr(before, key) is not None}
    others = {key: given[key] for key in given if key not in files}
    changed = changes.changed(before, folder, others)
    processes.refuse(changed, together)
    advice = f"Name it: bptt train TEXT --resume {folder.path}"
    config = relocated(changed, folder.path, library, {"corpus": source, **files}, advice)
    texts = _texts(config, library)
    training = start(config, texts, together)
    try:
        progress = checkpoint.restore(folder.checkpoint, config, training)
    except InputError as error:
        if not folder.best.exists():
            raise
        anew = f"bptt train {config.corpus.source} --init-from {folder.best}"
        raise InputError(f"{error}. Start from the best weights that it had: {anew}") from error
    if config.iterations < training.iteration:
        raise InputError(
            f"the run has {training.iteration} iterations behind it; "
            f"--iterations must be at least that, got {config.iterations}"
        )
    if changed != before:
        folder.remove_results()  # which had another length, engine or budget
    if config != before:
        folder.write_config(config)
    differences = config.versions.differences(Versions.current())
    if differences:
        print(
            f"note: {'; '.join(differences)}. The result may differ in its last bits from that of "
            f"an uninterrupted run",
            file=sys.stderr,
        )
    return Run(folder, config, texts, training, progress)


def _texts(config: Config, library: Library) -> Texts:
    text = library.open(config.corpus.source, config.corpus.encoding, config.corpus.units)
    texts = data.texts(config, text, library)
    for name in ("validation", "test"):
        indices, split = getattr(texts, name), getattr(config.parts, name)
        if split is not None:
            of = (split.corpus or config.corpus).name
            unseen = data.unseen(indices, texts.vocabulary)
            library.note_unseen(f"{of} for {name}", unseen, split.length, config.corpus)
    return texts


def start(
    config: Config,
    texts: Texts,
    together: ProcessGroup = ALONE,
    initial: InitialWeights | None = None,
) -> Training:
    """Make a training, in every process of a group; the leader's has the initial weights, if given.

    Raises InputError if the text is too short for it, or another process has an error.
    """
    training = make_training(config, texts, together, initial)
    together.broadcast_text(Command.BEGIN, config.model_dump_json())
    together.agree(None)
    return training


def make_training(
    config: Config, texts: Texts, together: ProcessGroup, initial: InitialWeights | None = None
) -> Training:
    """Make this process's training. Raises InputError if the text is too short for it."""
    refuse_too_large(config, len(texts.vocabulary))
    if config.tensorboard:
        tensorboard.require()
    try:
        parameters = None if initial is None else initial.parameters(config)
        training = start_training(config, texts.train, texts.vocabulary, together, parameters)
    except ValueError as error:
        raise InputError(f"{config.corpus.name}: {error}") from error
    if initial is not None:
        put_weights(training, initial.arrays(config))
    return training


def refuse_too_large(settings: Settings, V: int) -> None:
    """Raise InputError for a network that this machine's memory can't hold.

    Checked in advance, since an operating system promises more memory than it has.
    """
    H, T, B = settings.hidden_size, settings.seq_length, settings.lanes
    weights_gradients_and_sums = 3 * (H * H + 2 * H * V)
    states = 3 + (settings.output_dropout > 0) + (settings.recurrent_dropout > 0)
    window = T * B * (states * H + V)
    size = (weights_gradients_and_sums + window) * np.dtype(settings.dtype).itemsize
    installed = memory.installed()
    if size > installed:
        raise InputError(
            f"not enough memory for {H} hidden units, {V} symbols and windows of {T} characters "
            f"in {counted(B, 'lanes')}: they take {size / 1e9:.3g} GB, this machine has "
            f"{installed / 1e9:.3g}"
        )


def train_to_end(run: Run) -> None:
    """Train, evaluate and print the results. Exits with status 130 or 143 after a signal."""
    folder, config, training = run.folder, run.config, run.training
    console = terminal.console()
    console.print(
        f"{config.corpus.name}: {counted(config.corpus.length, config.corpus.units)}, "
        f"{counted(len(config.vocabulary), 'symbols')}."
        + (f" Resuming from iteration {training.iteration}." if training.iteration else ""),
        markup=False,
    )
    training.share_state()
    session = Session(folder, config, training, run.progress, run.texts.validation)
    stopped = session.run(display.choose(console, config, training.iteration))
    if stopped is not None:
        folder.draw(config)
        console.print(
            f"Stopped by {stopped.name} after iteration {training.iteration}; everything is saved.",
            markup=False,
        )
        terminal.advise(console, "Resume with", f"bptt train --resume {folder.path}")
        sys.exit(128 + stopped)
    outcome = results.finish(folder, config, run.texts, training.iteration, session.ended)
    end = ending.of(config, training, folder.load_model())
    folder.draw(config)
    card.write(folder, config, outcome, end)  # last: a run that has one is finished
    console.print(summary.of_run(folder, outcome, end), markup=False)
    terminal.advise(
        console, "Sample text", f"bptt sample {folder.path} --temperature {ending.TEMPERATURE:g}"
    )
    worse = ending.worse_than_guessing(config, outcome, end)
    if worse:
        print(f"warning: {worse[0].lower()}{worse[1:]}", file=sys.stderr)
