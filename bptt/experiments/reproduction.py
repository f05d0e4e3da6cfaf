"""Training a run again, and comparing its weights bit by bit."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..runs import log, results
from ..runs.config import Config
from ..runs.data import relocated
from ..runs.folder import RunFolder
from ..runs.log import Entry
from ..sessions import lifecycle
from ..settings import Settings
from ..text.library import Library
from ..versions import Versions


@dataclass(frozen=True)
class Reproduction:
    """The outcome of training a run a second time.

    `agreed` counts the checkpoints before the first that differs, `last_agreed` is the iteration of
    the last of them (0 if there is none), `first_other` that of the first that differs (None if
    none does). `final` and `best` say whether the last and the evaluated weights are the same.
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

    `source` is the text, if it lies elsewhere by now. Raises InputError if the run isn't finished,
    if its text isn't found or is another one, and as `lifecycle.make` does.
    """
    expected, library = required(folder), Library()
    advice = f"Name it: bptt reproduce {folder.path} TEXT"
    places = {"corpus": source}
    config = relocated(folder.read_config(), folder.path, library, places, advice)
    given = config.model_dump(include=set(Settings.model_fields))
    run = lifecycle.make(config.corpus.source, given, out, library=library)
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
    """Return `agreed`, `last_agreed` and `first_other` of a Reproduction."""
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
