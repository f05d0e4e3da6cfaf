"""benchmarks/baseline/results.json: the table as data, with every seed and its digests."""

import json
import statistics
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from bptt import files
from bptt.errors import InputError, explained
from bptt.strict import Strict, explain

RECORD = Path(__file__).parents[1] / "results.json"


class SeedResult(Strict):
    """One training: what it cost and what it ends in.

    `validation_bits` and `validation_nats` are of the best weights by validation, on the whole
    split as one stream; `last_nats` is of the last weights (a reference network's is an estimate
    to 0.001). `windows_nats` is of the best weights on windows of 256 characters, each from a zero
    state. `seconds` are as the run counted them, `characters_per_second` the median over its log.
    """

    seed: int
    iterations: int
    best_iteration: int
    characters: int
    seconds: float
    characters_per_second: int | None
    validation_bits: float
    validation_nats: float
    last_nats: float
    windows_nats: float | None
    test_bits: float | None
    final_weights: str
    best_weights: str


class Line(Strict):
    """A network under a protocol on a corpus; `command` repeats it."""

    corpus: str
    corpus_sha256: str
    corpus_version: str | None
    split: str
    model: str
    protocol: str
    hidden_size: int
    layers: int
    parameters: int
    command: str
    machine: dict[str, Any]
    results: list[SeedResult]

    def mean(self, name: str) -> float:
        return statistics.fmean(getattr(one, name) for one in self.results)

    def spread(self, name: str) -> str:
        """Return mean ± sample standard deviation, or the value of a single seed."""
        values = [getattr(one, name) for one in self.results]
        if None in values:
            return ""
        mean = f"{statistics.fmean(values):.3f}"
        return mean if len(values) == 1 else f"{mean} ± {statistics.stdev(values):.3f}"


class Count(Strict):
    """An n-gram model or a compressor on a corpus; compressors add bits to the training text."""

    corpus: str
    corpus_sha256: str
    split: str
    method: str
    validation_bits: float
    test_bits: float | None


class Record(Strict):
    """All lines and counts, sorted by corpus, split, model and protocol."""

    lines: list[Line]
    counts: list[Count]

    def updated(self, lines: list[Line], counts: list[Count]) -> "Record":
        """Return a record with these beside the others, in place of what they repeat."""
        all_lines = {_line_key(one): one for one in (*self.lines, *lines)}
        all_counts = {_count_key(one): one for one in (*self.counts, *counts)}
        return Record(
            lines=[all_lines[key] for key in sorted(all_lines)],
            counts=list(all_counts.values()),
        )


def _line_key(line: Line) -> tuple[str, str, str]:
    return line.corpus, line.split, line.protocol


def _count_key(count: Count) -> tuple[str, str, str]:
    return count.corpus, count.split, count.method


def read(path: Path = RECORD) -> Record:
    """Read the record; an empty one if there is no file. Raises InputError if it is damaged."""
    if not path.exists():
        return Record(lines=[], counts=[])
    with explained("read", path):
        content = path.read_bytes()
    try:
        return Record.model_validate_json(content)
    except ValidationError as error:
        raise InputError(f"{path} is damaged: {explain(error)}") from error


def write(record: Record, path: Path = RECORD) -> None:
    content = json.dumps(record.model_dump(), indent=1, ensure_ascii=False) + "\n"
    with explained("write", path):
        files.write(path, content.encode())
