"""What a report says: digits that are known, lags that its table shows, what is drawn how."""

import json

import numpy as np
import pytest
import torch
from rich.console import Console

from bptt.verify import GradientProblem, Settings, check, verify
from bptt.verify.checker.report import lags
from bptt.verify.checker.report.drawings import heat_map, histogram, lag_chart
from bptt.verify.checker.report.page import page
from bptt.verify.checker.report.terminal import rendered

from . import troublesome_problems as problems

BY_DIFFERENCES = "central differences"


def in_a_terminal(report, width=100) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(rendered(report))
    return capture.get()


def opaque_sum(n, rng):
    """Add |w| in Python floats: only central differences see through; `unused` has no gradient."""

    def loss(p):
        return sum(abs(float(w)) ** 3 for w in p["w"])

    def gradient(p):
        return {"w": 3 * p["w"] * np.abs(p["w"]), "unused": 1e-20 * np.ones(2)}

    return GradientProblem({"w": rng.standard_normal(n), "unused": np.ones(2)}, loss, gradient)


def test_digits_are_shown_as_far_as_central_differences_see() -> None:
    report = verify(opaque_sum, Settings(cases=6))
    assert report.verdict == "right"
    assert report.limits["w"] == BY_DIFFERENCES
    assert "at least" in in_a_terminal(report)
    assert f"the limit of {BY_DIFFERENCES}" in in_a_terminal(report)
    assert f"the limit of {BY_DIFFERENCES}" in page([report])
    assert json.loads(report.to_json())["digits"]["w"]["limited_by"] == BY_DIFFERENCES
    found = check(opaque_sum, {"n": 3}).findings["w"]
    assert found.errors is not None
    assert found.errors.max() > 0.0
    assert found.digits <= -np.log10(found.errors.max() / found.size)


def test_exact_oracle_limits_no_digits() -> None:
    report = verify(problems.square, Settings(cases=6))
    assert report.limits == {}
    assert "at least" not in in_a_terminal(report)


def test_gradient_of_zero_has_digits_of_the_whole() -> None:
    result = check(opaque_sum, {"n": 3})
    assert result.findings["unused"].verdict == "right"
    assert result.findings["unused"].digits > 8
    assert "right, 0.0 digits" not in str(result)


class Cube(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, *gradients):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * gradients[0]


def own_backward(n, rng):
    def loss(p):
        return Cube.apply(p["w"]).sum()

    def gradient(p):
        w = p["w"].detach().requires_grad_()
        return {"w": torch.autograd.grad(loss({"w": w}), w)[0]}

    return GradientProblem({"w": torch.tensor(rng.standard_normal(n))}, loss, gradient)


def test_backward_pass_that_autograd_compares_with_itself_is_named() -> None:
    report = verify(own_backward, Settings(cases=6))
    assert report.verdict == "right"
    assert any("own backward pass (Cube)" in note for note in report.notes)
    assert report.limits == {"w": BY_DIFFERENCES}
    assert report.digits["w"][0] < 15


def test_loss_without_a_backward_pass_of_its_own_isnt_said_to_have_one() -> None:
    report = verify(problems.wrong_below_float32, Settings(cases=4))
    assert not any("own backward pass" in note for note in report.notes)


def test_report_says_computed_and_expected() -> None:
    report = verify(problems.wrong_in_float32, Settings(cases=4))
    suspect = json.loads(report.to_json())["diagnosis"]["suspects"][0]
    assert {"computed", "expected"} <= suspect.keys()
    for text in (in_a_terminal(report), page([report]), str(report.smallest)):
        assert all(word in text for word in ("computed", "expected"))
        assert not any(word in text for word in ("mine", "true"))


@pytest.mark.parametrize(
    ("wrong", "tried", "said"),
    [
        ("1 2 3", "1 2 3", "wrong from T=1 on: within a single step"),
        ("2 3", "1 2 3", "right at T=1, wrong from T=2 on: in the gradient passed 1 step back, "
         "or in the sum over the steps"),
        ("5 6", "1 2 3 4 5 6", "right at T=1 to 4, wrong from T=5 on: in the terms that take 5 "
         "steps"),
        ("2 3", "2 3", "wrong from T=2 on, the smallest tried"),
        ("4 5", "1 2 4 5", "right at T=1, 2, wrong from T=4 on"),
        ("2 4", "1 2 3 4", "right at T=1, 3, wrong at T=2, 4"),
        ("1", "1 2", "right at T=2, wrong at T=1"),
        ("", "1 2", ""),
    ],
)  # fmt: skip
def test_lag_line_says_what_its_table_shows(wrong: str, tried: str, said: str) -> None:
    table = {int(T): {"w": float(T in wrong.split()), "b": 0.0} for T in tried.split()}
    assert lags.in_words(table) == said


def test_lag_line_has_the_cases_of_the_search_in_its_table() -> None:
    """A gradient that is wrong at one size only, which the table's own sizes don't have."""

    def problem(T, n, rng):
        def gradient(p):
            return {"w": 2 * T * p["w"] + (T == 3 and n < 3)}

        return GradientProblem(
            {"w": rng.standard_normal(n)}, lambda p: T * (p["w"] ** 2).sum(), gradient
        )

    diagnosis = verify(problem, Settings(cases=80, sizes={"n": (1, 3), "T": (1, 6)})).diagnosis
    assert diagnosis is not None
    assert diagnosis.first_T == 3
    assert {T for T, row in diagnosis.errors.items() if row["w"] > 0.0} == {3}
    assert diagnosis.lag == "right at T=1, 2, 4 to 6, wrong at T=3"


def test_state_that_gets_nothing_beyond_a_lag_is_said_to_be_cut_off() -> None:
    """Sum the states a' = w a from a start; the start's gradient is lost after two steps."""

    def problem(T, rng, counted=None):
        start, counts = rng.standard_normal(), np.ones(T)
        if counted is not None:
            counts = 1.0 * (np.arange(T) == counted)
        parameters = {"w": np.array(rng.uniform(0.5, 1.5))}
        if counted is not None:
            parameters["start"] = np.array(start)

        def states(p):
            return p.get("start", start) * p["w"] ** np.arange(T + 1)

        def gradient(p):
            slopes = [counts[t] * (t + 1) * p["w"] ** t for t in range(T)]
            found = {"w": p.get("start", start) * np.array(sum(slopes[: 1 if T > 2 else T]))}
            reach = counts[:2] * p["w"] ** np.arange(1, T + 1)[:2]
            return found | ({"start": reach.sum()} if "start" in p else {})

        return GradientProblem(parameters, lambda p: (counts * states(p)[1:]).sum(), gradient)

    diagnosis = verify(problem, Settings(cases=10)).diagnosis
    assert diagnosis is not None
    assert diagnosis.handed_back == (
        "for the loss of one step, the gradient for start is zero from lag 2 on: "
        "it is truncated in time"
    )


def test_lag_chart_has_every_decade_and_a_line_for_none() -> None:
    table = {0: {"w": 0.0}, 1: {"w": 3e-4}, 2: {"w": 0.02}, 3: {"w": 2.0}}
    drawn = lag_chart(table, "lag")
    for label in ("1e-4", "1e-3", "1e-2", "1e-1", "1e0", "1e1", "none"):
        assert drawn.count(f">{label}</text>") == 1
    assert "right" not in drawn
    assert ">none<" not in lag_chart({lag: table[lag] for lag in (1, 2, 3)}, "lag")


def test_right_entries_are_drawn_as_right_and_wrong_ones_as_wrong() -> None:
    right = check(opaque_sum, {"n": 4}).findings["w"]
    wrong = check(problems.wrong_like_autograd, {"n": 4}).findings["w"]
    for found, kind, other in ((right, "right", "bad"), (wrong, "bad", "right")):
        drawn = heat_map(found, "float64")
        assert drawn.count(f'class="{kind}"') == 4
        assert f'class="{other}"' not in drawn
    bars = histogram([right], 16.0)
    assert ">4</text>" in bars
    assert all('height="0.0"' in bar for bar in bars.split("<rect") if 'class="bad"' in bar)
