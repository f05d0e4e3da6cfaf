"""Comparing runs: the settings in which they differ, and their results."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..runs import log, results
from ..runs.config import Config
from ..runs.folder import RunFolder
from ..runs.log import Entry
from ..runs.results import Results
from ..settings import Settings
from . import curves
from .seeds_folder import SeedsFolder, Spread

NONE = "-"
FIGURES = ("validation", "test", "seconds", "chars/s")
# Always shown: above the table if equal in all runs, in it otherwise.
NAMED = {"engine": "engine", "dtype": "dtype", "H": "hidden_size", "T": "seq_length",
         "lanes": "lanes", "optimizer": "optimizer", "rate": "learning_rate"}  # fmt: skip
# Shown elsewhere, or without influence on a result.
NOT_SHOWN = {"iterations", "seed", "validation_file", "test_file", "encoding", "sample_every",
          "sample_temperature", "checkpoint_every", "validate_every", "log_every", "diagnostics",
          "tensorboard"}  # fmt: skip


@dataclass(frozen=True)
class Contender:
    """A run, or all runs of a seeds folder, in a comparison."""

    name: str
    configs: list[Config]
    logs: list[list[Entry]]
    results: list[Results | None]

    @property
    def config(self) -> Config:
        return self.configs[0]

    @property
    def is_finished(self) -> bool:
        return None not in self.results

    def validation_text(self) -> tuple[object, ...] | None:
        """Return what identifies the validation text; None if there is none."""
        part = self.config.parts.validation
        if part is None:
            return None
        corpus = part.corpus or self.config.corpus
        return corpus.sha256, corpus.units, part.start, part.length

    def settings(self) -> dict[str, str]:
        """Return the settings to compare, by their short names."""
        config, seeds = self.config, [config.seed for config in self.configs]
        said = {"corpus": config.corpus.name, "text": config.corpus.sha256[:8]}
        said |= {short: _shown(getattr(config, name)) for short, name in NAMED.items()}
        others = set(Settings.model_fields) - set(NAMED.values()) - NOT_SHOWN
        said |= {name: _shown(getattr(config, name)) for name in sorted(others)}
        said["seed"] = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
        last = [entries[-1] if entries else None for entries in self.logs]
        said["iterations"] = _range([one.iteration if one else 0 for one in last])
        said["characters"] = _range([one.characters if one else 0 for one in last])
        return said

    def figures(self) -> dict[str, str]:
        """Return the results to compare, by name: bits per character, seconds, speed."""
        last = [entries[-1] for entries in self.logs if entries]
        seconds = sum(entry.seconds for entry in last)
        speed = sum(entry.characters for entry in last) / seconds if seconds else 0.0
        return {
            "seconds": f"{seconds / max(len(last), 1):,.1f}",
            "chars/s": f"{speed:,.0f}" if speed else NONE,
            "validation": _spread(self._validation()),
            "test": _spread([one.test.bits_per_character if one and one.test else None
                             for one in self.results]),
        }  # fmt: skip

    def _validation(self) -> list[float | None]:
        """Return each run's validation result; of an unfinished run, the best in its log."""
        found: list[float | None] = []
        for outcome, entries in zip(self.results, self.logs, strict=True):
            if outcome is not None and outcome.validation is not None:
                found.append(outcome.validation.bits_per_character)
            else:
                found.append(min(curves.validation(entries).bits, default=None))
        return found


def read(paths: Sequence[Path]) -> tuple[list[Contender], list[str]]:
    """Read the runs at these paths; also return an error message for each that is unreadable.

    Raises InputError for a path that doesn't exist, and if none is a run.
    """
    last = [path.resolve().name for path in paths]
    unique = len(set(last)) == len(last)
    contenders, wrong = [], []
    for name, path in zip(last, paths, strict=True):
        try:
            contenders.append(_read(path, name if unique else str(path)))
        except InputError as error:
            if not os.path.lexists(path):
                raise
            wrong.append(str(error))
    if not contenders:
        raise InputError(f"there is no run to compare: {'; '.join(wrong)}")
    return contenders, wrong


def _read(path: Path, name: str) -> Contender:
    many = SeedsFolder(path)
    folders = many.runs() if many.exists() else [RunFolder(path)]
    return Contender(
        name,
        [folder.read_config() for folder in folders],
        [log.read(folder.log, log.Entry) for folder in folders],
        [results.find(folder.results) for folder in folders],
    )


def table(contenders: Sequence[Contender]) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Return the settings that all runs share, and a row with the others and results of each."""
    settings = [contender.settings() for contender in contenders]
    same = {key for key, value in settings[0].items() if all(one[key] == value for one in settings)}
    usual = {"corpus", *NAMED, "iterations", "characters"}
    shared = {key: value for key, value in settings[0].items() if key in same & usual}
    rows = [
        {"run": contender.name}
        | {key: value for key, value in one.items() if key not in same}
        | contender.figures()
        for contender, one in zip(contenders, settings, strict=True)
    ]
    return shared, rows


def warnings(contenders: Sequence[Contender]) -> list[str]:
    """Return notes on what makes the results hard to compare."""
    said = []
    texts = {text for one in contenders if (text := one.validation_text()) is not None}
    if len(texts) > 1:
        said.append("warning: the runs' validation texts differ, so their bits can't be compared")
    for one in contenders:
        if not one.is_finished:
            said.append(
                f"note: {one.name} is not finished; its validation is the best in its log so far"
            )
    return said


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return "none" if value is None else str(value)


def _range(values: Sequence[int]) -> str:
    low, high = min(values), max(values)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _spread(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    if len(known) < len(values) or not known:
        return f"{known[0]:.3f}" if len(values) == 1 and known else NONE
    return f"{known[0]:.3f}" if len(known) == 1 else str(Spread.of(known))
