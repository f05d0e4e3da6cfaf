"""Training a run again, and comparing its weights bit by bit."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..runs import log, results
from ..runs.config import Config
from ..runs.folder import RunFolder
from ..runs.log import Entry
from ..sessions import lifecycle
from ..settings import Settings
from ..text.library import Library
from ..versions import Versions


@dataclass(frozen=True)
class Reproduction:
    """What a second training of the same run came to.

    `agreed` is the number of checkpoints with the same weights before the first other one, and
    `last_agreed` the iteration of the last of them (0 if there is none); `first_other` is that of
    the first other one, None if all agree. `final` and `best` say whether the last and the
    evaluated weights are the same.
    """

    agreed: int
    last_agreed: int
    first_other: int | None
    final: bool
    best: bool

    @property
    def is_exact(self) -> bool:
        return self.first_other is None and self.final and self.best


def required(folder: RunFolder) -> results.Results:
    """Return a run's results. Raises InputError if they aren't there, or without digests."""
    found = results.find(folder.results)
    if found is None:
        raise InputError(
            f"{folder.path} must be a finished run, but has no {folder.results.name}; finish it: "
            f"bptt train --resume {folder.path}"
        )
    if found.final_weights is None:
        raise InputError(f"{folder.results} must have final_weights, but is of an older version")
    return found


def repeat(folder: RunFolder, source: str | None, out: Path) -> Reproduction:
    """Train a finished run again, in the folder `out`, and compare.

    `source` is the text, if it lies elsewhere by now. Raises InputError if the run isn't finished
    or the text is another, and as a new run does.
    """
    config, expected = folder.read_config(), required(folder)
    given = config.model_dump(include=set(Settings.model_fields))
    library = Library()
    run = lifecycle.make(source or config.corpus.source, given, out, library=library)
    if run.config.corpus.sha256 != config.corpus.sha256 or run.config.parts != config.parts:
        raise InputError(
            f"{run.config.corpus.name} must be the text of the run, with SHA-256 "
            f"{config.corpus.sha256}, got {run.config.corpus.sha256}"
        )
    with run.folder.held():
        lifecycle.train_to_end(run)
    found = required(run.folder)
    logs = [log.read(one.log, Entry) for one in (folder, run.folder)]
    agreed, last_agreed, first_other = compared(*logs)
    return Reproduction(
        agreed,
        last_agreed,
        first_other,
        found.final_weights == expected.final_weights,
        found.best_weights == expected.best_weights,
    )


def compared(first: Sequence[Entry], second: Sequence[Entry]) -> tuple[int, int, int | None]:
    """Return how many digests agree at first, the last such iteration, and that of the first other.

    The iterations are 0 and None where there is none.
    """
    agreed, last, theirs = 0, 0, {entry.iteration: entry.weights for entry in second}
    for entry in first:
        if entry.weights is None:
            continue
        if theirs.get(entry.iteration) != entry.weights:
            return agreed, last, entry.iteration
        agreed, last = agreed + 1, entry.iteration
    return agreed, last, None


def differences(config: Config) -> list[str]:
    """Say what else may explain other bits: versions, and a run that depends on the clock."""
    found = config.versions.differences(Versions.current())
    if config.time_budget is not None:
        found.append(f"the run ends by the clock, after {config.time_budget:g} s")
    if config.engine != "fast":
        found.append(f"the bits of --engine {config.engine} depend on the processor; fast's don't")
    return found
