"""The exhibits are complete, their two versions compute the same, and a few are looked at."""

import inspect
import re
from pathlib import Path

import numpy as np
import pytest

from bptt.verify import Settings, verify_backward
from bptt.verify.backward.nested import as_tuple
from bptt.verify.checker.loading import size_names

from .adapters import Adapted
from .checkers import gradcheck_fast, gradcheck_slow
from .collection import EXHIBITS
from .exhibit import Exhibit
from .page import START, with_results
from .running import FALSE_ALARM, FOUND, MISSED, NOT_APPLICABLE, Result, outcome

PAGE = Path(__file__).parents[2] / "docs" / "museum.md"
LONGEST = 25  # lines of a bug
BY_NAME = {exhibit.name: exhibit for exhibit in EXHIBITS}


def adapted(exhibit: Exhibit, wrong: bool) -> Adapted:
    sizes = {name: 2 + place for place, name in enumerate(size_names(exhibit.inputs, "inputs"))}
    inputs = exhibit.inputs(rng=np.random.default_rng(1), **sizes)
    return Adapted(exhibit.make(wrong), as_tuple(inputs))


def test_there_are_forty_bugs_with_a_source_each() -> None:
    assert len(EXHIBITS) >= 40
    assert len(BY_NAME) == len({exhibit.source for exhibit in EXHIBITS}) == len(EXHIBITS)


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.name)
def test_exhibit_is_complete_and_short(exhibit: Exhibit) -> None:
    assert re.fullmatch(r"[\w.-]+/[\w.-]+#\d+", exhibit.source)
    assert 2010 < exhibit.year < 2030
    assert re.fullmatch(r"[A-Z].{20,100}\.", exhibit.what)
    page = PAGE.read_text(encoding="utf-8")
    assert f"| {exhibit.name} | {exhibit.source} ({exhibit.year}) | {exhibit.what} |" in page
    assert len(inspect.getsource(exhibit.make).partition("\ndef ")[2].splitlines()) <= LONGEST


@pytest.mark.parametrize("exhibit", EXHIBITS, ids=lambda exhibit: exhibit.name)
def test_both_versions_have_the_same_outputs(exhibit: Exhibit) -> None:
    wrong, right = adapted(exhibit, True), adapted(exhibit, False)
    assert len(wrong.examples) == len(right.examples)
    for a, b in zip(wrong.examples, right.examples, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("name", "found_by"),
    [
        ("subtraction sign", ""),
        ("reshape in memory order", "cotangents transposed"),
        ("told by identity", "one array for a and b"),
    ],
)
def test_bptt_finds_the_wrong_version_and_passes_the_right_one(name: str, found_by: str) -> None:
    def report(wrong: bool):
        return verify_backward(
            BY_NAME[name].make(wrong),
            BY_NAME[name].inputs,
            settings=Settings(cases=8, budget=2.0),
            race_seconds=0.01,
        )

    assert report(False).exit_status == 0
    wrong = report(True)
    assert wrong.exit_status == 1
    assert not found_by or found_by in [check.name for check in wrong.failed_checks]


def test_gradcheck_gets_the_exhibit_in_a_form_it_takes() -> None:
    assert gradcheck_slow(BY_NAME["subtraction sign"], True).alarm
    assert not gradcheck_fast(BY_NAME["added before the sum"], False).alarm
    assert gradcheck_fast(BY_NAME["dice quotient rule"], True).alarm


@pytest.mark.parametrize(
    ("wrong", "right", "expected"),
    [
        (True, False, FOUND),
        (False, False, MISSED),
        (True, True, FALSE_ALARM),
        (False, True, FALSE_ALARM),
        (None, False, NOT_APPLICABLE),
        (True, None, NOT_APPLICABLE),
    ],
)
def test_outcome_counts_an_alarm_about_the_right_version_first(wrong, right, expected) -> None:
    assert outcome((wrong, ""), (right, ""))[0] == expected


def test_page_keeps_what_is_above_the_mark(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{START}\nold\n", encoding="utf-8")
    with_results(page, [Result("subtraction sign", "bptt", FOUND, "values", 1.0)])
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# Title\n")
    assert "old" not in text
    assert "| subtraction sign | found | values |" in text
