"""The verifier finds planted bugs, names what they break, and shrinks them; some, or all."""

from pathlib import Path

import pytest

from . import cells, one_function
from .cells import run, summary


def assert_found(results) -> None:
    for result in results:
        assert result.found, result.bug
        assert result.parameter_right, (result.bug, result.named)
    figures = summary(results)
    assert figures["pattern and lag"] >= 0.8, figures
    assert figures["median T"] <= 2, figures
    assert figures["median H"] <= 2, figures


@pytest.mark.parametrize("bugs", [one_function.BUGS[9:10]])
def test_a_planted_bug_is_found(bugs, tmp_path: Path) -> None:
    assert_found(list(run(tmp_path, bugs)))


@pytest.mark.campaign
@pytest.mark.parametrize("campaign", [cells, one_function])
def test_all_planted_bugs_are_found(campaign, tmp_path: Path) -> None:
    assert len(campaign.BUGS) >= 70
    assert_found(list(run(tmp_path, campaign.BUGS)))
