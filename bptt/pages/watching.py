"""What the page of `bptt watch` shows: a text, step by step, under a run's network.

N characters read, V symbols, H hidden units, K lags.
"""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from reference import Parameters, Trace, Vocabulary, forward

from .. import whole_files
from ..errors import InputError
from ..runs import data
from ..runs.config import Config
from ..runs.folder import RunFolder
from ..text import corpora
from ..text.library import Library
from ..training.diagnostics import norms_by_lag
from .touches import Touches, part, touches

MOST_LAGS = 100


@dataclass(frozen=True)
class Watched:
    """A text under a network, computed by the reference in float64.

    `trace` reads the whole text as one window. `norms[k, t]` is the norm of ∂loss_t / ∂state_{t−k}
    in nats, 0 where t < k. `windows` has the first step and what the clip did of each window as
    long as the run's; it is empty for a run without a running clip.
    """

    config: Config
    name: str
    iteration: int
    parameters: Parameters
    trace: Trace
    norms: Float[np.ndarray, "K N"]
    windows: list[tuple[int, Touches]]

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(self.config.vocabulary)


def watch(
    run: Path,
    text: Path | None = None,
    *,
    length: int = 240,
    last: bool = False,
    library: Library | None = None,
) -> Watched:
    """Put the first `length` characters of a text under a run's network.

    `text` is by default the run's validation text, or what it learned from if it kept none. With
    `last`, the last weights are taken, not those of the best validation.

    Raises InputError for a path that is no run, a text that can't be read, is too short or has
    characters that the run never saw, and weights that give a loss which isn't finite.

    >>> watch(Path("runs/novel"), length=100).trace.loss
    """
    folder = RunFolder(run)
    config = folder.read_config()
    model = folder.load_model(last=last)
    if text is None:
        name, indices = _own_text(run, config, length, library or Library())
    else:
        name, indices = text.name, _given_text(text, config, length)
    parameters, state = model.in_float64()
    try:
        trace = forward(parameters, indices[:-1], indices[1:], state)
    except FloatingPointError as error:
        raise InputError(f"the network of {run} can't read {name}: {error}") from error
    norms = np.zeros((min(MOST_LAGS, len(trace.inputs)), len(trace.inputs)))
    for lag, of_steps in enumerate(islice(norms_by_lag(parameters, trace), len(norms))):
        norms[lag, lag:] = of_steps
    windows = []
    if config.running_clip is not None:
        for start in range(0, len(trace.inputs), config.seq_length):
            window = part(trace, start, start + config.seq_length)
            windows.append((start, touches(parameters, window, config.running_clip)))
    return Watched(config, name, model.iteration, parameters, trace, norms, windows)


def _given_text(path: Path, config: Config, length: int) -> Int[np.ndarray, " n"]:
    content = whole_files.read(path)
    vocabulary = Vocabulary(config.vocabulary)
    if config.corpus.units == "bytes":
        text = content[: length + 1].decode("latin-1")
    else:
        text = corpora.decode(content, config.corpus.encoding, str(path))[: length + 1]
    if len(text) < 2:
        raise InputError(
            f"the text must have at least 2 {config.corpus.units}, one to read and one to predict; "
            f"{path} has {len(text)}"
        )
    try:
        return vocabulary.encode(text)
    except ValueError as error:
        raise InputError(f"{path} can't be read: {error}") from error


def _own_text(
    run: Path, config: Config, length: int, library: Library
) -> tuple[str, Int[np.ndarray, " n"]]:
    """Return the name and the beginning of the run's validation text, or of what it learned from.

    The beginning is the first stretch in which every character is known.
    """
    kind = "training" if config.parts.validation is None else "validation"
    split = config.parts.validation or config.parts.train
    record = split.corpus or config.corpus
    text = library.find(record, run, f"Name another: bptt watch {run} --text FILE")
    vocabulary = Vocabulary(config.vocabulary)
    indices = np.asarray(data.held_out(split, text, vocabulary, kind), np.int64)
    wanted = min(length + 1, len(indices))
    unknown = np.concatenate([[-1], np.flatnonzero(indices >= len(vocabulary)), [len(indices)]])
    long_enough = np.flatnonzero(np.diff(unknown) > wanted)
    if wanted < 2 or len(long_enough) == 0:
        raise InputError(
            f"the {kind} text of {run} has no {max(wanted, 2)} characters in a row that the "
            f"network knows; take fewer with --length, or name one: bptt watch {run} --text FILE"
        )
    start = int(unknown[long_enough[0]]) + 1
    return f"{record.name} ({kind} text)", indices[start : start + wanted]
