"""The verifier finds planted bugs, names what they break, and shrinks them; some, or all."""

from pathlib import Path

import pytest

from .planted_cells import BUGS, run, summary


def assert_found(results) -> None:
    for result in results:
        assert result.found, result.bug
        assert result.parameter_right, (result.bug, result.named)
    figures = summary(results)
    assert figures["pattern and lag"] >= 0.8, figures
    assert figures["median T"] <= 2, figures
    assert figures["median H"] <= 2, figures


def test_a_planted_bug_is_found(tmp_path: Path) -> None:
    assert_found(list(run(tmp_path, BUGS[3:4])))


@pytest.mark.campaign
def test_all_planted_bugs_are_found(tmp_path: Path) -> None:
    assert len(BUGS) >= 40
    assert_found(list(run(tmp_path, BUGS)))
