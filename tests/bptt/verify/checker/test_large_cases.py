"""Errors at large sizes and among many parameters are found; sizes left out are named."""

import time
from functools import partial

import numpy as np
import pytest
from rich.console import Console

from bptt.verify import GradientProblem, Settings, check, verify
from bptt.verify.checker.evaluated_problem import make
from bptt.verify.checker.large_cases import extrapolated
from bptt.verify.checker.loading import load
from bptt.verify.checker.oracles.chaos import is_chaotic
from bptt.verify.checker.problem import Case
from bptt.verify.checker.report.terminal import rendered

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
    report = verify(problems.chain(), Settings(budget=900.0))
    assert report.verdict == "right"
    assert report.searched == "T 1..6, 20, 40, 129; H 1..5, 17, 33, 65, 129"
    assert f"Searched: {report.searched}." in shown(report, 100)
    assert not report.left_out


def test_chosen_range_is_not_left() -> None:
    report = verify(problems.chain(3), Settings(sizes={"T": (1, 3), "H": (2, 20)}))
    assert report.verdict == "right"
    steps, units = ({result.case.sizes[name] for result in report.results} for name in ("T", "H"))
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
    assert "A higher --budget allows more time" in shown(report, 200)


def test_problem_that_cannot_be_made_at_some_sizes_is_no_error_of_the_gradient() -> None:
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
        pytest.param(lambda d: d | {"W": 0 * d["W"]}, "W", None, marks=pytest.mark.campaign),
        (lambda d: d | {"b": -d["b"]}, "b", None),
    ],
    ids=["one entry", "nan", "factor", "zero", "sign"],
)
def test_wrong_entry_among_many_is_found(spoil, name: str, place: tuple[int, int] | None) -> None:
    result = check(spoilt(spoil), {"n": 2})
    assert result.named("wrong") == [name]
    assert place is None or result.findings[name].worst == place
    report = verify(spoilt(spoil), Settings(cases=4, budget=12.0))
    assert report.verdict == "wrong"
    assert name in shown(report)
    assert report.to_json()
