"""Training a run again, and comparing its weights bit by bit."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..runs import log, published, results
from ..runs.data import located, records
from ..runs.folder import RunFolder
from ..runs.log import Entry
from ..sessions import lifecycle
from ..settings import Settings
from ..text.library import Library
from ..text.records import CorpusRecord, TextDigest
from ..versions import Versions


@dataclass(frozen=True)
class Claim:
    """A training's settings, texts and digests, read from a run folder, a card or a protocol.

    `texts` has the records by the settings that name them, "corpus" among them. `final` and `best`
    are the digests of the last weights and of the best by validation (None: not told). `log` has
    those of the checkpoints, and `versions` what computed them, where that is known; `initial` is
    the digest of the weights of another run that it started from, if it did.
    """

    path: Path
    settings: dict[str, Any]
    texts: Mapping[str, CorpusRecord | TextDigest]
    final: str
    best: str | None
    log: list[Entry] = field(default_factory=list)
    versions: Versions | None = None
    initial: str | None = None

    @property
    def name(self) -> str:
        return f"seed {self.settings['seed']} on {Path(self.texts['corpus'].source).stem}"


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


def claims(path: Path) -> list[Claim]:
    """Read what a run folder, a card (.md) or a file of settings with digests says.

    Raises InputError if there are no digests, or the run isn't finished.
    """
    if not path.is_file():
        return [of_run(RunFolder(path))]
    return [
        Claim(
            path,
            one.settings,
            one.texts,
            one.result.final_weights,
            one.result.best_weights,
            initial=one.result.initial_weights,
        )
        for one in published.read(path)
    ]


def of_run(folder: RunFolder) -> Claim:
    """Read a finished run. Raises InputError if it isn't finished, or is of an older version."""
    config, found = folder.read_config(), _finished(folder)
    return Claim(
        folder.path,
        config.model_dump(include=set(Settings.model_fields)),
        records(config),
        str(found.final_weights),
        found.best_weights,
        log.read(folder.log, Entry),
        config.versions,
        config.initial_weights,
    )


def _finished(folder: RunFolder) -> results.Results:
    found = results.find(folder.results)
    if found is None:
        raise InputError(
            f"{folder.path} must be a finished run, but has no {folder.results.name}; finish it: "
            f"bptt train --resume {folder.path}"
        )
    if found.final_weights is None:
        raise InputError(f"{folder.results} must have final_weights, but is of an older version")
    return found


def chosen(
    found: Sequence[Claim], seed: int | None, source: str | None, library: Library
) -> list[Claim]:
    """Return those with this seed and this text; None means any.

    Raises InputError if there are none; for a text, with the expected hashes and its own.
    """
    kept = [one for one in found if seed in (None, one.settings["seed"])]
    if not kept:
        seeds = ", ".join(str(one.settings["seed"]) for one in found)
        raise InputError(f"{found[0].path} has seed {seeds}, got --seed {seed}")
    if source is None:
        return kept
    first = kept[0].texts["corpus"]
    text = library.open(source, first.encoding, first.units)
    fitting = [one for one in kept if one.texts["corpus"].sha256 == text.sha256]
    if not fitting:
        for one in kept[1:]:
            if one.texts["corpus"].sha256 != first.sha256:
                hashes = sorted({one.texts["corpus"].sha256 for one in kept})
                raise InputError(
                    f"expected a text with SHA-256 {' or '.join(hashes)}, got one with "
                    f"{text.sha256} from {text.source}"
                )
        first.check(text)
    return fitting


def repeat(
    claim: Claim, places: Mapping[str, str | None], out: Path, library: Library | None = None
) -> Reproduction:
    """Train again, in the folder `out`, and compare.

    `places` says where texts lie by now, by the setting that names them: "corpus",
    "validation_file", "test_file"; and where the initial weights do, "init_from". Raises InputError
    if a text or the initial weights aren't found or are others, and as `lifecycle.make` does.
    """
    library, given = library or Library(), dict(claim.settings)
    given["init_from"] = _initial_weights(claim, places.get("init_from"))
    for name, source in places.items():
        if name == "init_from":
            continue
        if source is not None and name not in claim.texts:
            raise InputError(f"{claim.path} names no {name}, got {source}")
    for name, record in claim.texts.items():
        option = "TEXT" if name == "corpus" else f"--{name.replace('_', '-')} FILE"
        advice = f"Name it: bptt reproduce {claim.path} {option}"
        near = claim.path if claim.path.is_dir() else claim.path.absolute().parent
        given[name] = located(record, places.get(name), near, library, advice).source
    given["units"] = claim.texts["corpus"].units
    run = lifecycle.make(
        given.pop("corpus"), given, out, library=library, initial_digest=claim.initial
    )
    with run.folder.held():
        lifecycle.train_to_end(run)
    found = _finished(run.folder)
    agreed, last_agreed, first_other = compared(claim.log, log.read(run.folder.log, Entry))
    return Reproduction(
        agreed,
        last_agreed,
        first_other,
        found.final_weights == claim.final,
        claim.best in (None, found.best_weights),
    )


def _initial_weights(claim: Claim, place: str | None) -> str | None:
    """Return the run, or the checkpoint, that has the weights which a run started from."""
    recorded = claim.settings["init_from"]
    if recorded is None:
        if place is not None:
            raise InputError(f"{claim.path} starts from drawn weights, got --init-from {place}")
        return None
    kept = RunFolder(claim.path).start
    if place is None and kept.exists():
        return str(kept)
    if place is None and not Path(recorded).exists():
        raise InputError(
            f"{claim.path} started from the weights of {recorded}, which isn't there any more; "
            f"they have SHA-256 {claim.initial}. Name a run or a checkpoint that has them: bptt "
            f"reproduce {claim.path} --init-from RUN"
        )
    return place or str(recorded)


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


def differences(claim: Claim) -> list[str]:
    """Say what else may explain other bits: versions, and a run that depends on the clock."""
    now, settings = Versions.current(), claim.settings
    found = [] if claim.versions is None else claim.versions.differences(now)
    if settings["time_budget"] is not None:
        found.append(f"the run ends by the clock, after {settings['time_budget']:g} s")
    if settings["engine"] != "fast":
        found.append(
            f"the bits of --engine {settings['engine']} depend on the processor; fast's don't"
        )
    elif settings["initialization"] == "notebook" and settings["init_from"] is None:
        found.append("--initialization notebook takes a logarithm from the C library")
    return found
