"""How far the search for a wrong gradient goes, what it says of that, and when it stops."""

import time
from functools import partial
from itertools import pairwise

import numpy as np
import pytest
from rich.console import Console

from bptt.errors import InputError
from bptt.verify import GradientProblem, Settings, assert_gradient_right, check, verify
from bptt.verify.checker.large_cases import extrapolated
from bptt.verify.checker.loading import load
from bptt.verify.checker.oracles.chaos import is_chaotic
from bptt.verify.checker.problem import Case
from bptt.verify.checker.report.coverage import runs
from bptt.verify.checker.report.terminal import rendered
from bptt.verify.checker.subject import make

from . import large_problems as problems


def shown(report, width: int = 60) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(rendered(report), crop=False)
    return capture.get()


@pytest.mark.parametrize(
    "reach", [6, *(pytest.param(reach, marks=pytest.mark.campaign) for reach in (9, 24))]
)
def test_gradient_cut_off_in_time_is_found_at_the_first_length_that_shows_it(reach: int) -> None:
    report = verify(problems.chain(reach), Settings(cases=26, sizes={"H": (1, 3)}))
    assert report.verdict == "wrong"
    assert report.smallest is not None
    assert report.smallest.case.sizes["T"] == reach + 1
    assert report.diagnosis is not None
    assert f"{reach}, wrong from T={reach + 1} on" in report.diagnosis.lag


@pytest.mark.parametrize(
    "width", [8, 16, *(pytest.param(width, marks=pytest.mark.campaign) for width in (32, 64)), 128]
)
def test_rest_of_a_block_is_found_just_beyond_the_block(width: int) -> None:
    report = verify(problems.blocks(width), Settings(cases=27))
    assert report.verdict == "wrong"
    assert report.smallest is not None
    assert report.smallest.case.sizes == {"V": width + 1, "D": 1}
    assert report.smallest.findings["E"].worst == (width, 0)


def test_right_gradient_is_right_at_large_sizes_and_the_report_says_which() -> None:
    report = verify(problems.chain())
    assert report.verdict == "right"
    assert report.searched == "T 1..6, 20, 40, 129; H 1..5, 17, 33, 65, 129"
    assert f"Searched: {report.searched}." in shown(report, 100)
    assert not report.left_out


def test_chosen_range_is_not_left() -> None:
    report = verify(problems.chain(3), Settings(sizes={"T": (1, 3), "H": (2, 20)}))
    assert report.verdict == "right"
    steps, units = (
        {outcome.case.sizes[name] for outcome in report.outcomes} for name in ("T", "H")
    )
    assert steps == {1, 2, 3}
    assert max(units) <= 20
    assert 17 in units


@pytest.mark.parametrize(
    ("seen", "value", "expected"),
    [
        ({3: 1.0}, 30, 10.0),
        ({3: 1.0, 6: 4.0}, 60, 400.0),
        ({3: 1.0, 6: 0.5}, 60, 5.0),
        ({3: 8.0, 17: 2.0**17}, 33, 2.0**33),
        ({3: 0.0}, 33, 0.0),
    ],
)
def test_cost_is_extrapolated_as_it_grew(seen, value: int, expected: float) -> None:
    assert extrapolated(seen, value) == pytest.approx(expected)


def test_size_with_exponential_cost_is_left_out_and_named() -> None:
    report = verify(problems.grows_fast)
    assert report.verdict == "right"
    assert any(said.startswith("n=33 and beyond (would ") for said in report.left_out)
    assert "A higher --budget gives it more time" in shown(report, 200)


def test_maker_that_fails_beyond_its_sizes_is_not_held_against_the_gradient() -> None:
    report = verify(problems.only_letters)
    assert (report.verdict, report.exit_status) == ("right", 0)
    assert any("V=33 and beyond (crashed: " in said for said in report.left_out)


def test_gradient_that_fails_at_a_large_size_only_is_told() -> None:
    report = verify(problems.gradient_breaks_when_long)
    assert (report.verdict, report.exit_status) == ("crashed", 2)
    assert report.searched.startswith("T 1..6, 20")


def chaotic(T, rng):
    """Iterate a map that stretches: some 20 steps leave nothing of the start in float32."""
    start = rng.uniform(0.1, 0.9, 4).astype(np.float32)

    def loss(p):
        a = start
        for _ in range(T):
            a = np.sin(4 * p["w"] * a + 1)
        return a.sum()

    def gradient(p):
        a, d = start, 0 * start
        for _ in range(T):
            a, d = np.sin(4 * p["w"] * a + 1), np.cos(4 * p["w"] * a + 1) * 4 * (a + p["w"] * d)
        return {"w": d}

    return GradientProblem({"w": rng.uniform(1, 2, 4).astype(np.float32)}, loss, gradient)


def test_chaos_is_no_wrong_gradient() -> None:
    assert check(chaotic, {"T": 3}).verdict == "right"
    assert is_chaotic(make(load(chaotic), Case({"T": 129}), 1.0).loss)
    assert not is_chaotic(make(load(chaotic), Case({"T": 3}), 1.0).loss)
    assert not [
        seed for seed in range(8) if check(chaotic, {"T": 129}, seed=seed).verdict == "wrong"
    ]


# -- many parameters -----------------------------------------------------------------------------


def spoilt(spoil):
    return partial(problems.wide, spoil=spoil)


def one_entry(d):
    d["W"][200, 31] *= 1 + 1e-6
    return d


def not_a_number(d):
    d["W"][7, 100] = np.nan
    return d


def test_many_parameters_are_right_within_seconds() -> None:
    begun = time.monotonic()
    report = verify(spoilt(lambda d: d), Settings(cases=12))
    assert report.verdict == "right"
    assert time.monotonic() - begun < 30.0


@pytest.mark.parametrize(
    ("spoil", "name", "place"),
    [
        (one_entry, "W", (200, 31)),
        (not_a_number, "W", (7, 100)),
        (lambda d: d | {"W": d["W"] * (1 + 1e-9)}, "W", None),
        (lambda d: d | {"W": 0 * d["W"]}, "W", None),
        (lambda d: d | {"b": -d["b"]}, "b", None),
    ],
    ids=["one entry", "nan", "factor", "zero", "sign"],
)
def test_wrong_entry_among_many_is_found(spoil, name: str, place: tuple[int, int] | None) -> None:
    outcome = check(spoilt(spoil), {"n": 2})
    assert outcome.named("wrong") == [name]
    assert place is None or outcome.findings[name].worst == place
    report = verify(spoilt(spoil), Settings(cases=4, budget=12.0))
    assert report.verdict == "wrong"
    assert name in shown(report)
    assert report.to_json()


# -- budget --------------------------------------------------------------------------------------


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
    assert any(f"time was up after {len(report.outcomes)} of 60" in s for s in report.left_out)
    assert "Not checked: time was up after" in shown(report)


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


# -- what a search takes -------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(1,), (1, 1)])
def test_loss_with_axes_of_length_one_is_a_scalar(shape: tuple[int, ...]) -> None:
    for problem in problems.of_shape(*shape):
        outcome = check(problem, {"n": 3})
        assert outcome.verdict == "right"
        assert outcome.oracle in ("complex step", "autograd")


def test_gradient_of_none_is_zero() -> None:
    assert check(problems.unused, {"n": 3}).verdict == "right"
    assert check(problems.wrongly_unused, {"n": 3}).named("wrong") == ["v"]


def test_sizes_that_the_maker_skips_are_counted_and_not_checked() -> None:
    report = verify(problems.heads)
    assert (report.verdict, report.exit_status) == ("right", 0)
    assert all(o.case.sizes["H"] % o.case.sizes["N"] == 0 for o in report.outcomes)
    assert "H must be a multiple of N" in shown(report, 200)
    assert verify(partial(problems.heads, factor=2.0)).verdict == "wrong"


def test_neighbours_of_a_skipped_large_size_are_tried() -> None:
    report = verify(problems.fours)
    assert report.verdict == "wrong"
    assert report.smallest is not None
    assert report.smallest.case.sizes["n"] > 40


def test_maker_that_skips_everything_is_an_error() -> None:
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
        outcome = check(declared, {"T": T, "H": 2})
        assert outcome.verdict == "right", str(outcome)
        assert outcome.oracle == "complex step"
    for reach in {K - 1, K + 1, None} - {0}:
        other = problems.chain(reach, truncate=K, scalar=scalar)
        assert check(other, {"T": 12, "H": 2}).verdict == "wrong"


def test_last_steps_alone_are_a_fold() -> None:
    def problem(T, H, rng):
        made = problems.chain()(T, H, rng)

        def last(shares):
            return {name: sum(share[name] for share in shares[-3:]) for name in shares[0]}

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
        ({"truncate": 2, "fold": lambda shares: shares[0]}, "truncate or fold, not both"),
        ({"truncate": 2, "loss_of_steps": lambda steps: [0.0]}, "must return 4 losses"),
        ({"truncate": 2, "loss_of_steps": lambda steps: [1.0] * 4}, "but loss is"),
    ],
)
def test_truncation_that_cannot_be_checked_is_refused(changes, said: str) -> None:
    outcome = check(changed(**changes), {"T": 4, "H": 2})
    assert outcome.verdict == "broken"
    assert said in outcome.message


# -- what a report says --------------------------------------------------------------------------


def test_loss_that_ignores_its_parameters_is_the_adapters_fault() -> None:
    with pytest.raises(InputError, match="does the adapter pass them on"):
        verify(problems.sets_nothing)


def test_parameter_that_the_loss_never_changes_with_is_named() -> None:
    report = verify(problems.sets_only_w, Settings(cases=20))
    assert report.unmoved == ["b"]
    assert "never changed with b: does the adapter pass it on?" in shown(report, 100)


def test_undecidable_cases_are_in_the_headline() -> None:
    report = verify(problems.too_noisy_when_odd, Settings(cases=20, sizes={"n": (1, 4)}))
    undecidable = report.tally("verdict")["undecidable"]
    assert report.headline == f"right; undecidable in {undecidable} of {len(report.outcomes)} cases"
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
