"""What a report says beside its verdict."""

from itertools import pairwise

import pytest
from rich.console import Console

from bptt.errors import InputError
from bptt.verify import Settings, verify
from bptt.verify.checker.report.coverage import runs
from bptt.verify.checker.report.terminal import rendered

from . import large_problems as problems


def shown(report, width: int = 60) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(rendered(report), crop=False)
    return capture.get()


def test_loss_that_ignores_its_parameters_is_the_adapters_fault() -> None:
    with pytest.raises(InputError, match="does the adapter pass them on"):
        verify(problems.sets_nothing)


def test_parameter_that_the_loss_never_changes_with_is_named() -> None:
    report = verify(problems.sets_only_w, Settings(cases=20))
    assert report.unused == ["b"]
    assert "never changed with b: does the adapter pass it on?" in shown(report, 100)


def test_undecidable_cases_are_in_the_headline() -> None:
    report = verify(problems.too_noisy_when_odd, Settings(cases=20, sizes={"n": (1, 4)}))
    undecidable = report.tally("verdict")["undecidable"]
    assert report.headline == f"right; undecidable in {undecidable} of {len(report.results)} cases"
    first, *_, last = shown(report, 200).splitlines()
    assert report.headline in first
    assert report.headline in last


@pytest.mark.parametrize("width", [20, 60, 200])
def test_lines_that_repeat_a_case_are_the_same_at_any_width(width: int, tmp_path) -> None:
    folder = tmp_path / ("a folder with a rather long name " * 3)
    folder.mkdir()
    file = folder / "problems.py"
    file.write_text(
        "from tests.bptt.verify.checker.large_problems import blocks\nproblem = blocks(2)\n"
    )
    report = verify(f"{file}:problem", Settings(cases=30))
    assert report.snippet in shown(report, width)
    assert max(map(len, report.snippet.splitlines())) <= 60
    said: list[object] = []
    exec(report.snippet, {"print": said.append})
    assert str(said[0]) == str(report.smallest)


@pytest.mark.parametrize(
    ("numbers", "said"),
    [([1, 2, 3], "1..3"), ([2], "2"), ([1, 2, 5, 9, 10], "1..2, 5, 9..10"),
     (list(range(1, 50, 2)), "25 values in 1..49")],
)  # fmt: skip
def test_numbers_are_written_as_ranges(numbers: list[int], said: str) -> None:
    assert all(former < latter for former, latter in pairwise(numbers))
    assert runs(numbers) == said


def test_values_below_the_smallest_failing_case_are_that_cases_own() -> None:
    report = verify(problems.chain(reach=1), Settings(cases=40, sizes={"T": (1, 6)}))
    assert report.smallest is not None
    assert report.diagnosis is not None
    for suspect in report.diagnosis.suspects:
        found = report.smallest.findings[suspect.name]
        assert (suspect.place, suspect.computed, suspect.expected) == (
            found.worst, *found.worst_values,
        )  # fmt: skip
    wrong = report.tally("verdict")["wrong"]
    assert f"(c, U, {wrong} of {len(report.results)} cases in " in report.summary
