"""The baseline table: networks of several widths under each protocol, n-grams and compressors."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bptt.errors import InputError
from bptt.runs.results import Results
from bptt.settings import Settings
from bptt.settings_file import read_file
from bptt.text import corpora
from bptt.text.encoded import open_corpus
from bptt.text.splits import split_text

from .reference_lines import Line, reference_lines
from .runs import PlannedRun, execute

PROTOCOLS = Path(__file__).parent / "protocols"


def protocol_file(protocol: str, width: int) -> Path:
    """Return the settings file. Raises InputError if there is none for this protocol and width."""
    path = PROTOCOLS / f"{protocol}-{width}.toml"
    if not path.exists():
        known = ", ".join(sorted(found.stem for found in PROTOCOLS.glob("*.toml")))
        raise InputError(f"the protocol must be one of {known}, got {protocol}-{width}")
    return path


@dataclass(frozen=True)
class Mean:
    """The mean over seeds; `deviation` is the sample standard deviation, None for one seed."""

    value: float
    deviation: float | None

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        deviation = statistics.stdev(values) if len(values) > 1 else None
        return cls(statistics.fmean(values), deviation)

    def __str__(self) -> str:
        spread = "" if self.deviation is None else f" ± {self.deviation:.3f}"
        return f"{self.value:.3f}{spread}"


@dataclass(frozen=True)
class Row:
    """One network under one protocol: bits per character over the seeds, and seconds per run."""

    corpus: str
    protocol: str
    hidden_size: int
    seeds: int
    validation: Mean
    test: Mean
    seconds: float
    characters_per_second: float
    command: str


def rows(
    names: Iterable[str],
    protocols: Iterable[str],
    widths: Iterable[int],
    seeds: int,
    out: Path,
    jobs: int,
) -> Iterator[Row]:
    """Execute every run that `out` doesn't have yet; yield a row once all its seeds are done.

    Raises InputError for a run that fails, or for a protocol without a validation or test text.
    """
    planned = [
        PlannedRun(
            out / name / f"{protocol}-{width}" / f"seed-{seed}",
            name,
            (
                "--config",
                str(protocol_file(protocol, width)),
                "--seed",
                str(seed),
            ),
        )
        for name in names
        for protocol in protocols
        for width in widths
        for seed in range(1, seeds + 1)
    ]
    finished = execute(planned, jobs)
    for name in names:
        for protocol in protocols:
            for width in widths:
                group = [next(finished) for _ in range(seeds)]
                for one in group:
                    if one.results is None:
                        raise InputError(f"{one.planned.folder} was not finished: {one.error}")
                found = [one.results for one in group if one.results is not None]
                yield _row(name, protocol, width, found)


def _row(name: str, protocol: str, width: int, results: list[Results]) -> Row:
    validation = [one.validation.bits_per_character for one in results if one.validation]
    test = [one.test.bits_per_character for one in results if one.test]
    if len(validation) < len(results) or len(test) < len(results):
        raise InputError(f"protocol {protocol} keeps no validation or no test text")
    return Row(
        corpus=name,
        protocol=protocol,
        hidden_size=width,
        seeds=len(results),
        validation=Mean.of(validation),
        test=Mean.of(test),
        seconds=statistics.median(one.seconds for one in results),
        characters_per_second=statistics.median(one.characters / one.seconds for one in results),
        command=f"bptt train {name} --config benchmarks/baseline/protocols/{protocol}-{width}.toml "
        f"--seeds {len(results)}",
    )


def lines(name: str, protocol: str, width: int) -> Iterator[Line]:
    """Return the n-gram and compressor rows for a corpus, split as in the protocol."""
    settings = Settings(**read_file(protocol_file(protocol, width)))
    parts = split_text(open_corpus(name), settings)
    text = corpora.load(name).text
    if parts.validation is None or parts.test is None:
        raise InputError(f"protocol {protocol} keeps no validation or no test text")
    yield from reference_lines(
        *(
            text[part.start : part.start + part.length]
            for part in (parts.train, parts.validation, parts.test)
        )
    )


def markdown(found: Sequence[Row], counted: dict[str, list[Line]]) -> str:
    """Return one Markdown table per corpus."""
    pieces = []
    for name, known in counted.items():
        pieces += [
            f"### {name}\n",
            "| model | protocol | seeds | validation | test | minutes a run | characters/s |",
            "|---|---|---:|---:|---:|---:|---:|",
        ]
        for row in found:
            if row.corpus == name:
                pieces.append(
                    f"| RNN, H = {row.hidden_size} | {row.protocol} | {row.seeds} | "
                    f"{row.validation} | {row.test} | {row.seconds / 60:.1f} | "
                    f"{row.characters_per_second:,.0f} |"
                )
        for line in known:
            pieces.append(f"| {line.name} | | | {line.validation:.3f} | {line.test:.3f} | | |")
        pieces.append("")
    return "\n".join(pieces)
