"""A small part of the campaign of damaged files."""

import random
from pathlib import Path

import pytest

from . import fuzz, loaders, mutations


def test_damaged_files_are_refused_or_pass_the_checks(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("BPTT_CACHE", str(tmp_path / "cache"))
    tallies = fuzz.fuzz(loaders.loaders(tmp_path), 550, 1, None)
    assert not [failure for tally in tallies.values() for failure in tally.failures]
    assert all(tally.files == 50 and tally.refused > 0 for tally in tallies.values())


def test_campaign_finds_a_loader_that_lets_another_error_out(tmp_path: Path) -> None:
    def load(content: bytes, rng: random.Random) -> None:
        if b"7" in content:
            raise KeyError

    loader = loaders.Loader("planted", lambda rng: str(rng.random()).encode(), load)
    tally = fuzz.fuzz([loader], 50, 1, tmp_path)["planted"]
    assert 0 < len(tally.failures) < 50
    assert len(list(tmp_path.iterdir())) == len(tally.failures)
    assert tally.accepted == 50 - len(tally.failures)


@pytest.mark.parametrize("kind", ["NaN", "9" * 5000, "[" * 100_000])
def test_mutations_write_what_json_dumps_would_not(kind: str) -> None:
    assert mutations.dumped({"a": mutations._Raw(kind)}) == f'{{"a": {kind}}}'
