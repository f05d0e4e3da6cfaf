"""results.json, the protocols' digests and the pages say the same."""

import re
from pathlib import Path

import pytest

from benchmarks.baseline.campaign import page, protocols, record
from benchmarks.baseline.campaign.record import Line, Record, SeedResult
from bptt.errors import InputError
from bptt.runs import published
from bptt.settings_file import RESULTS, load, read_file

KNOWN = record.read()


def result(seed: int, nats: float, digest: str = "a") -> SeedResult:
    return SeedResult(
        seed=seed, iterations=10, best_iteration=8, characters=4_000_000, seconds=3.0,
        characters_per_second=None, validation_bits=nats / page.LN_2, validation_nats=nats,
        last_nats=nats, windows_nats=nats + 0.1, test_bits=None,
        final_weights=digest * 64, best_weights=digest * 64,
    )  # fmt: skip


def line(protocol: str, *results: SeedResult) -> Line:
    return Line(
        corpus="novel", corpus_sha256="c" * 64, corpus_version=None, split="90/10/0", model="rnn",
        protocol=protocol, hidden_size=9, layers=1, parameters=1234, command="bptt train novel",
        machine={}, results=list(results),
    )  # fmt: skip


def test_pages_are_those_that_the_record_makes() -> None:
    for path in page.PAGES:
        text = path.read_text(encoding="utf-8")
        assert page.filled(text, KNOWN) == text
    everything = "".join(path.read_text(encoding="utf-8") for path in page.PAGES)
    assert len(page.PLACE.findall(everything)) == everything.count("<!-- baseline ") > 0


@pytest.mark.parametrize("one", KNOWN.lines, ids=lambda one: f"{one.corpus}, {one.protocol}")
def test_protocol_has_the_digests_of_the_record(one: Line) -> None:
    path = protocols.find(one.protocol)
    tables = [t for t in load(path)[RESULTS] if t["corpus_sha256"] == one.corpus_sha256]
    assert [(t["seed"], t["final_weights"], t["best_weights"]) for t in tables] == [
        (each.seed, each.final_weights, each.best_weights) for each in one.results
    ]
    assert one.command == protocols.command(path, one.corpus, [each.seed for each in one.results])


def test_table_has_mean_and_spread_and_changes_with_the_record() -> None:
    one = line("novel-9", result(1, 1.5), result(2, 1.6))
    other = line("novel-8", result(1, 1.4))
    text = "before\n<!-- baseline novel 90/10/0 -->\nold\n<!-- end of baseline -->\nafter\n"
    known = Record(lines=[], counts=[]).updated([one, other], [])
    made = page.filled(text, known)
    assert made.startswith("before\n")
    assert made.endswith("after\n")
    assert "old" not in made
    rows = [row for row in made.splitlines() if row.startswith("| plain")]
    assert "| 1.400 | 2.020 | 1.500 |" in rows[0]
    assert "| 4 M characters | 2 | 1.550 ± 0.071 | 2.236 ± 0.102 | 1.650 ± 0.071 |" in rows[1]
    assert page.filled(made, known) == made
    better = known.updated([line("novel-9", result(1, 1.1))], [])
    assert [one.protocol for one in better.lines] == ["novel-8", "novel-9"]
    assert "| 1.100 |" in page.filled(made, better)
    with pytest.raises(InputError, match="no line for novel, split 90/10/0"):
        page.filled(text, Record(lines=[], counts=[]))


def test_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    known = Record(lines=[line("novel-9", result(1, 1.5))], counts=[])
    record.write(known, tmp_path / "results.json")
    assert record.read(tmp_path / "results.json") == known
    (tmp_path / "results.json").write_text('{"lines": []}')
    with pytest.raises(InputError, match=r"results.json is damaged: counts: field required"):
        record.read(tmp_path / "results.json")


def test_digests_in_a_protocol_are_replaced_and_others_kept(tmp_path: Path) -> None:
    path = tmp_path / "novel-9.toml"
    protocols.write(path, ["Of a search."], {"hidden_size": 9, "split": "90/10/0"})
    other = line("novel-9", result(1, 1.5, "d")).model_copy(update={"corpus_sha256": "e" * 64})
    for each in (
        line("novel-9", result(1, 1.5)),
        other,
        line("novel-9", result(1, 1.5, "b"), result(2, 1.5, "f")),
    ):
        protocols.with_results(path, each)
    content = path.read_text()
    assert content.startswith("# Of a search.\nhidden_size = 9\n")
    assert content.count(protocols.HEADING) == 1
    assert read_file(path) == {"hidden_size": 9, "split": "90/10/0"}
    found = [(one.result.seed, one.result.final_weights[0]) for one in published.read(path)]
    assert found == [(1, "d"), (1, "b"), (2, "f")]
    with pytest.raises(InputError, match="exists already"):
        protocols.write(path, [], {})


def test_unknown_protocol_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=re.escape("best-128, best-256")):
        protocols.find("best-9")
