"""The comparison of whole layers runs, and its tables say what was measured."""

import csv
from pathlib import Path

import pytest
import torch
from torch.nn.utils.rnn import PackedSequence

from benchmarks import stacks


@pytest.fixture(autouse=True)
def threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_tiny_measurement_has_all_its_points(tmp_path: Path) -> None:
    stacks.stacks(tmp_path, threads=[1], rounds=3, seconds=0.001, lanes=[2], hidden=[4])
    with (tmp_path / "rounds.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * len(stacks.KINDS)
    assert all(float(row["ours"]) > 0 and float(row["theirs"]) > 0 for row in rows)
    text = (tmp_path / "stacks.md").read_text()
    assert text.count("\n| 2, 4 | ") == 1
    assert all(f" {kind} |" in text for kind in stacks.KINDS)


def test_ratios_are_of_the_same_round_and_packed_rows_are_counted() -> None:
    case = stacks.Case("packed", 16, 4, 1)
    assert stacks.Timed(case, [1.0, 2.0], [3.0, 4.0], 1.0).ratios == [3.0, 2.0]
    given, filled = stacks.drawn(case)
    assert isinstance(given, PackedSequence)
    assert filled == len(given.data) / (16 * len(given.batch_sizes))
    assert 0 < filled < 1
