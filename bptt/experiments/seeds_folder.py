"""The folder of several seeds' runs: seeds.json, seed-1, seed-2, …, and summary.json."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field, ValidationError

from .. import files
from ..errors import InputError, explained
from ..runs import log, results, smoothing
from ..runs.folder import RunFolder
from ..runs.results import Results
from ..sessions.changes import CAN_CHANGE
from ..strict import Strict, explain


class Seeds(Strict):
    """seeds.json: the seeds of the runs in a folder."""

    seeds: list[int] = Field(min_length=2)


class Spread(Strict):
    """The mean and spread over seeds; the standard deviation is the sample's, with n − 1."""

    mean: float
    standard_deviation: float
    minimum: float
    maximum: float
    values: list[float]

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(
            mean=statistics.fmean(values),
            standard_deviation=statistics.stdev(values),
            minimum=min(values),
            maximum=max(values),
            values=list(values),
        )

    def __str__(self) -> str:
        return f"{self.mean:.3f} ± {self.standard_deviation:.3f}"


class Summary(Strict):
    """summary.json: bits per character and seconds over seeds, values in the order of the seeds.

    `…_windows` are in windows without a past, as in Results; `smoothed` is the training loss as by
    smoothing.bits.
    """

    n: int
    seeds: list[int]
    validation: Spread | None
    test: Spread | None
    validation_windows: Spread | None = None
    test_windows: Spread | None = None
    smoothed: Spread
    seconds: Spread


@dataclass(frozen=True)
class SeedsFolder:
    """The files of several seeds' runs, by their paths."""

    path: Path

    @property
    def listed(self) -> Path:
        return self.path / "seeds.json"

    @property
    def lock(self) -> Path:
        return self.path / ".lock"

    @property
    def summary(self) -> Path:
        return self.path / "summary.json"

    @property
    def plot(self) -> Path:
        return self.path / "seeds.png"

    @property
    def card(self) -> Path:
        return self.path / "card.md"

    def exists(self) -> bool:
        return self.listed.exists()

    def read(self) -> Seeds:
        """Read seeds.json. Raises InputError if it is damaged."""
        with explained("read", self.listed):
            content = self.listed.read_bytes()
        try:
            return Seeds.model_validate_json(content)
        except ValidationError as error:
            raise InputError(f"{self.listed} is damaged: {explain(error)}") from error

    def run(self, seed: int) -> RunFolder:
        return RunFolder(self.path / f"seed-{seed}")

    def runs(self) -> list[RunFolder]:
        return [self.run(seed) for seed in self.read().seeds]

    def refuse_different(self) -> None:
        """Raise InputError if the runs differ in more than their seeds.

        They do when the program was killed, or the power cut, while it gave all of them another
        length, or after one of them was resumed alone with another.
        """
        configs = {run.path.name: run.read_config() for run in self.runs()}
        for name in CAN_CHANGE:
            values = {run: getattr(config, name) for run, config in configs.items()}
            if len(set(values.values())) > 1:
                listed = ", ".join(f"{run}: {value}" for run, value in values.items())
                raise InputError(
                    f"the runs in {self.path} must have the same {name}, got {listed}. Resume them "
                    f"with one for all: bptt train --resume {self.path} "
                    f"--{name.replace('_', '-')} VALUE"
                )

    def summarize(self) -> Summary:
        """Summarize the runs. Raises InputError unless every one is finished."""
        seeds, found, smoothed = self.read().seeds, [], []
        for run in self.runs():
            outcome = results.find(run.results)
            if outcome is None:
                raise InputError(f"{run.path} is not finished: it has no {run.results.name}")
            found.append(outcome)
            entries = log.read(run.log, log.Entry)
            smoothed.append(smoothing.bits_at(run.read_config(), entries[-1]) if entries else 0.0)
        return Summary(
            n=len(seeds),
            seeds=seeds,
            validation=_of_part("validation", found),
            test=_of_part("test", found),
            validation_windows=_of_part("validation_windows", found),
            test_windows=_of_part("test_windows", found),
            smoothed=Spread.of(smoothed),
            seconds=Spread.of([one.seconds for one in found]),
        )

    def write_seeds(self, seeds: Seeds) -> None:
        with explained("write", self.listed):
            files.write(self.listed, (seeds.model_dump_json() + "\n").encode())

    def write_summary(self, summary: Summary) -> None:
        files.write(self.summary, (summary.model_dump_json(indent=2) + "\n").encode())

    def write_card(self, card: str) -> None:
        files.write(self.card, card.encode("utf-8", "surrogatepass"))


def _of_part(name: str, found: Sequence[Results]) -> Spread | None:
    evaluations = [getattr(one, name) for one in found]
    if None in evaluations:
        return None
    return Spread.of([one.bits_per_character for one in evaluations])


def is_finished(run: RunFolder) -> bool:
    """Return whether a run is finished; the card is the last thing that it writes."""
    return run.results.exists() and run.card.exists()
