"""Tests of when the search stops, and of unusual losses and problem factories."""

import time
from functools import partial

import pytest
from rich.console import Console

from bptt.errors import InputError
from bptt.verify import GradientProblem, Settings, assert_gradient_right, check, verify
from bptt.verify.checker.report.terminal import rendered
from bptt.verify.checker.search import Search

from . import large_problems as problems


def shown(report, width: int = 60) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(rendered(report), crop=False)
    return capture.get()


def slow(n, rng):
    def loss(p):
        time.sleep(0.004)
        return (p["w"] ** 2).sum()

    return GradientProblem({"w": rng.standard_normal(n)}, loss, lambda p: {"w": 2 * p["w"]})


def test_search_ends_with_its_budget_and_says_so() -> None:
    begun = time.monotonic()
    report = verify(slow, Settings(budget=3.0))
    assert time.monotonic() - begun < 6.0
    assert report.verdict == "right"
    assert any(f"out of time after {len(report.results)} of 60" in s for s in report.left_out)
    assert "Not checked: out of time after" in shown(report)


def test_budget_that_is_too_small_for_any_case_is_an_error() -> None:
    with pytest.raises(InputError, match=r"nothing was checked within 0\.05 s"):
        verify(slow, Settings(budget=0.05))


def test_failure_found_is_not_lost_when_time_is_up() -> None:
    def problem(T, n, rng):
        made = slow(n, rng)
        return GradientProblem(made.parameters, made.loss, lambda p: {"w": 3 * p["w"]})

    begun = time.monotonic()
    report = verify(problem, Settings(budget=2.0))
    assert time.monotonic() - begun < 5.0
    assert report.verdict == "wrong"
    assert "wrong" in shown(report)


def test_time_that_is_up_while_hypothesis_shrinks_is_no_error(monkeypatch) -> None:
    def wrong_in_long_ones(T, rng):
        return GradientProblem(
            {"w": rng.standard_normal(3)},
            lambda p: (p["w"] ** 2).sum(),
            lambda p: {"w": 2 * p["w"] + (T > 3)},
        )

    def once_something_is_wrong(search: Search) -> bool:
        return any(result.verdict == "wrong" for result in search.results)

    monkeypatch.setattr(Search, "_gives_up", once_something_is_wrong)
    assert verify(wrong_in_long_ones, Settings(cases=30)).verdict == "wrong"


@pytest.mark.parametrize("shape", [(1,), (1, 1)])
def test_loss_with_axes_of_length_one_is_a_scalar(shape: tuple[int, ...]) -> None:
    for problem in problems.of_shape(*shape):
        result = check(problem, {"n": 3})
        assert result.verdict == "right"
        assert result.oracle in ("complex step", "autograd")


def test_gradient_of_none_is_zero() -> None:
    assert check(problems.unused, {"n": 3}).verdict == "right"
    assert check(problems.wrongly_unused, {"n": 3}).named("wrong") == ["v"]


def test_sizes_that_the_problem_skips_are_counted_and_not_checked() -> None:
    report = verify(problems.heads)
    assert (report.verdict, report.exit_status) == ("right", 0)
    assert all(o.case.sizes["H"] % o.case.sizes["N"] == 0 for o in report.results)
    assert "H must be a multiple of N" in shown(report, 200)
    assert verify(partial(problems.heads, factor=2.0)).verdict == "wrong"


def test_neighbours_of_a_skipped_large_size_are_tried() -> None:
    report = verify(problems.fours)
    assert report.verdict == "wrong"
    assert report.smallest is not None
    assert report.smallest.case.sizes["n"] > 40


def test_problem_that_skips_everything_is_an_error() -> None:
    with pytest.raises(InputError, match="nothing fits"):
        verify(problems.never_fits)


def test_approximate_gradient_is_right_within_the_tolerance_only() -> None:
    assert verify(problems.approximate).verdict == "wrong"
    report = verify(problems.approximate, Settings(tolerance=1e-3))
    assert report.verdict == "right"
    assert "may be off by 0.001 of the largest" in shown(report, 200)
    assert verify(problems.approximate, Settings(tolerance=1e-5)).verdict == "wrong"
    assert check(problems.approximate, {"n": 3}, tolerance=1e-3).verdict == "right"
    assert_gradient_right(problems.approximate, cases=5, tolerance=1e-3)


@pytest.mark.parametrize("scalar", [False, True])
@pytest.mark.parametrize("K", [1, 2, 4, 9])
def test_truncated_gradient_is_right_where_truncation_is_declared(K: int, scalar: bool) -> None:
    declared = problems.chain(K, truncate=K, scalar=scalar)
    for T in (1, 3, 7, 12):
        result = check(declared, {"T": T, "H": 2})
        assert result.verdict == "right", str(result)
        assert result.oracle == "complex step"
    for reach in {K - 1, K + 1, None} - {0}:
        other = problems.chain(reach, truncate=K, scalar=scalar)
        assert check(other, {"T": 12, "H": 2}).verdict == "wrong"


def test_last_steps_alone_are_a_fold() -> None:
    def problem(T, H, rng):
        made = problems.chain()(T, H, rng)

        def last(steps):
            return {name: sum(step[name] for step in steps[-3:]) for name in steps[0]}

        return GradientProblem(made.parameters, made.loss, made.gradient, made.loss_of_steps, last)

    assert check(problem, {"T": 3, "H": 2}).verdict == "right"
    assert check(problem, {"T": 4, "H": 2}).verdict == "wrong"


def changed(**changes):
    def problem(T, H, rng):
        made = problems.chain(2)(T, H, rng)
        fields = {
            name: getattr(made, name)
            for name in ("parameters", "loss", "gradient", "loss_of_steps")
        }
        return GradientProblem(**(fields | changes))

    return problem


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"truncate": 0}, "truncate must be a number of steps, at least 1, got 0"),
        ({"truncate": 1.5}, "got 1.5"),
        ({"truncate": 2, "loss_of_steps": None}, "truncate needs loss_of_steps"),
        ({"truncate": 2, "fold": lambda steps: steps[0]}, "truncate or fold, not both"),
        ({"truncate": 2, "loss_of_steps": lambda steps: [0.0]}, "must return 4 losses"),
        ({"truncate": 2, "loss_of_steps": lambda steps: [1.0] * 4}, "but loss is"),
    ],
)
def test_truncation_that_cannot_be_checked_is_refused(changes, said: str) -> None:
    result = check(changed(**changes), {"T": 4, "H": 2})
    assert result.verdict == "broken"
    assert said in result.message
