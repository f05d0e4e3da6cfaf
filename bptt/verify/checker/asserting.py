"""An assertion for test suites: `assert_gradient_right(problem)`."""

from collections.abc import Callable, Mapping
from typing import Any

from rich.console import Console

from .report.report import Report
from .report.terminal import rendered
from .settings import Settings
from .verifying import verify


def assert_gradient_right(
    target: str | Callable[..., Any],
    *,
    cases: int = 60,
    seed: int = 0,
    time_limit: float = 10.0,
    sizes: Mapping[str, tuple[int, int]] | None = None,
    budget: float = 60.0,
    tolerance: float = 0.0,
) -> None:
    """Verify a gradient; raise AssertionError with the whole report unless it is right.

    `target` is a function problem(T, H, ..., rng) that returns a GradientProblem, or the text
    "file.py:problem". `cases` is the largest number of cases to check, `seed` that of the search.
    `time_limit` is the longest that one call of the loss or the gradient may take, `budget` the
    longest that the whole verification may take, both in seconds. `sizes` maps the names of sizes
    to ranges, such as {"T": (1, 8)}. `tolerance` is the permitted error of an entry, relative to
    the largest entry of its parameter.

        def test_gradient():
            assert_gradient_right(problem, sizes={"T": (1, 8)})

    Raises InputError where no case could be run.
    """
    __tracebackhide__ = True
    settings = Settings(cases, seed, time_limit, dict(sizes or {}), budget, tolerance)
    fail_unless_right(verify(target, settings))


def fail_unless_right(report: Report) -> None:
    """Raise AssertionError with the report as text unless its exit status is 0."""
    __tracebackhide__ = True
    if report.exit_status != 0:
        console = Console(width=100, color_system=None)
        with console.capture() as capture:
            console.print(rendered(report), crop=False)
        raise AssertionError("\n" + capture.get())
