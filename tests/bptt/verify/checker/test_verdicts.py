"""The verifier's verdicts, each on a problem that deserves it, and what its report holds."""

import json
import re
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from rich.console import Console

from bptt.errors import InputError
from bptt.verify import GradientProblem, Settings, assert_gradient_right, check, verify
from bptt.verify.checker.loading import import_file
from bptt.verify.checker.report.page import page
from bptt.verify.checker.report.terminal import rendered
from bptt.verify.network.problems import CLIP, own_engines

from . import troublesome_problems as problems

EXAMPLES = Path(__file__).parents[4] / "examples"


@pytest.mark.parametrize(
    ("problem", "verdict", "oracle"),
    [
        (problems.square, "right", "complex step"),
        (problems.absolute, "right", "central differences"),
        (problems.compares, "right", "central differences"),
        (problems.cut_off, "right", "central differences"),
        (problems.at_a_kink, "kink", "central differences"),
        (problems.torch_at_a_kink, "kink", "central differences"),
        (problems.cancels, "rounding", "complex step"),
        (problems.wrong_beside_a_kink, "wrong", "central differences"),
        (problems.wrong_like_autograd, "wrong", "central differences"),
        (problems.gives_nan, "wrong", "complex step"),
        (problems.too_noisy, "undecidable", "central differences"),
        (problems.differing_calls, "nondeterministic", ""),
        (problems.stale, "nondeterministic", ""),
        (problems.mutates, "mutates its input", ""),
        (problems.wrong_in_float32, "wrong", "autograd"),
        (problems.wrong_below_float32, "right", "autograd"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_verdict(problem, verdict: str, oracle: str) -> None:
    result = check(problem, {"n": 3}, seed=1)
    assert (result.verdict, result.oracle) == (verdict, oracle), str(result)


def test_float32_report_says_what_float32_can_show() -> None:
    report = verify(problems.wrong_below_float32, Settings(cases=5))
    assert report.verdict == "right"
    assert any("an error below 6e-06" in note for note in report.notes)
    assert max(worst for worst, _ in report.digits.values()) < 8.0


def test_oracle_that_was_passed_over_is_named_with_the_reason() -> None:
    report = verify(problems.cut_off, Settings(cases=5))
    assert any("autograd: it disagrees with central differences" in note for note in report.notes)


@pytest.mark.parametrize(
    ("cell", "relative_error"),
    [
        ("lstm", 1e-9),
        *(
            pytest.param(cell, size, marks=pytest.mark.campaign)
            for cell, size in product(("gru", "lstm"), (1e-9, 1e-10, 1e-11))
        ),
    ],
)
def test_small_factor_in_one_parameter_is_found(cell: str, relative_error: float) -> None:
    right = import_file(EXAMPLES / f"{cell}.py", 10.0)
    name = "Uc" if cell == "gru" else "Uf"

    def problem(T, H, V, rng):
        made = right.problem(T, H, V, rng)

        def gradient(p):
            computed = made.gradient(p)
            return computed | {name: computed[name] * (1 + relative_error)}

        return GradientProblem(made.parameters, made.loss, gradient)

    report = verify(problem, Settings(cases=30, sizes={"T": (1, 3)}))
    assert report.verdict == "wrong"
    assert report.diagnosis is not None
    assert [suspect.name for suspect in report.diagnosis.suspects] == [name]
    assert report.diagnosis.suspects[0].pattern == f"constant factor 1{relative_error:+.3g}"


@pytest.mark.parametrize("example", ["gru", "lstm"])
def test_example_is_right(example: str) -> None:
    assert_gradient_right(f"{EXAMPLES / example}.py:problem", cases=12)


def test_assertion_carries_the_report() -> None:
    with pytest.raises(AssertionError) as caught:
        assert_gradient_right(problems.wrong_in_float32, cases=5)
    assert "constant factor 1+0.0001" in str(caught.value)


@pytest.mark.parametrize("factory", own_engines(), ids=lambda factory: factory.target)
def test_own_engine_is_right(factory) -> None:
    report = verify(factory, Settings(cases=8))
    assert report.exit_status == 0
    assert report.tally("verdict")["right"] > 4


def test_clip_only_at_the_end_is_found_by_the_folded_contributions() -> None:
    plain, clipped = (factory.function for factory in own_engines()[2:4])

    def problem(T, H, V, rng):
        seed = int(rng.integers(2**32))
        made, unclipped = (
            make(T=T, H=H, V=V, rng=np.random.default_rng(seed)) for make in (clipped, plain)
        )

        def gradient(p):
            return {k: v.clamp(-CLIP, CLIP) for k, v in unclipped.gradient(p).items()}

        return GradientProblem(made.parameters, made.loss, gradient, made.loss_of_steps, made.fold)

    sizes = {"T": (2, 4), "H": (1, 2), "V": (2, 3)}
    assert verify(problem, Settings(cases=40, sizes=sizes)).verdict == "wrong"


def counting_steps(weights):
    """Make a problem whose gradient counts its time steps with these weights."""

    def problem(T, n, rng):
        x = rng.standard_normal((T, n))

        def loss_of_steps(steps):
            return sum(np.sin(p["w"] @ x[t]) for t, p in enumerate(steps))

        def gradient(p):
            counted = weights(T)
            return {"w": sum(counted[t] * np.cos(p["w"] @ x[t]) * x[t] for t in range(T))}

        w = {"w": rng.standard_normal(n)}
        return GradientProblem(w, lambda p: loss_of_steps([p] * T), gradient, loss_of_steps)

    return problem


@pytest.mark.parametrize(
    ("weights", "pattern"),
    [
        (lambda T: [0] + [1] * (T - 1), "missing the first step"),
        (lambda T: [1] * (T - 1) + [0], "missing the last step"),
    ],
)
def test_steps_that_are_not_counted_are_named(weights, pattern: str) -> None:
    report = verify(counting_steps(weights), Settings(cases=30, sizes={"n": (5, 8)}))
    assert report.diagnosis is not None
    assert report.diagnosis.suspects[0].pattern == pattern


def test_large_case_is_compared_by_projections_first() -> None:
    result = check(f"{EXAMPLES}/gru.py:problem", {"T": 3, "H": 12, "V": 9}, entrywise=False)
    assert result.verdict == "right"
    assert all(finding.computed is None for finding in result.findings.values())


def test_projections_find_what_is_wrong_in_a_large_case() -> None:
    result = check(
        f"{EXAMPLES}/lstm_with_a_bug.py:problem", {"T": 1, "H": 12, "V": 9}, seed=1, entrywise=False
    )
    assert result.named("wrong") == ["Wg", "Ug", "bg"]


@pytest.fixture(scope="module")
def wrong_report():
    return verify(f"{EXAMPLES}/gru_with_a_bug.py:problem", Settings(cases=12, sizes={"T": (1, 4)}))


def test_snippet_shows_the_same_failure_again(wrong_report) -> None:
    done = subprocess.run(
        [sys.executable, "-c", wrong_report.snippet], capture_output=True, text=True, timeout=60
    )
    assert done.stdout.rstrip() == str(wrong_report.smallest)
    assert "wrong, computed" in done.stdout
    assert max(map(len, wrong_report.snippet.splitlines())) <= 60


def test_terminal_report_fits_sixty_columns(wrong_report) -> None:
    console = Console(width=60, color_system=None)
    with console.capture() as capture:
        console.print(rendered(wrong_report))
    shown = capture.get()
    assert max(map(len, shown.splitlines())) <= 60
    assert "…" not in shown
    for words in ("wrong", "T=2, H=1, V=2", "Right at T=1, wrong from T=2 on", "check("):
        assert words in shown


def test_json_says_what_the_report_says(wrong_report) -> None:
    told = json.loads(wrong_report.to_json())
    assert told["verdict"] == "wrong"
    assert told["exit_status"] == 1
    assert told["smallest_failing_case"]["sizes"] == {"T": 2, "H": 1, "V": 2}
    assert told["diagnosis"]["first_failing_T"] == 2
    assert set(told["diagnosis"]["error_by_T"]["1"].values()) == {0.0}
    at_once = told["diagnosis"]["error_of_one_target_by_lag"]["0"]
    assert {name for name, error in at_once.items() if error > 0.0} == {"start"}
    assert {s["parameter"] for s in told["diagnosis"]["suspects"]} >= {"Wz", "Uc", "br"}


def chain_with_a_factor(T, rng, counted=None):
    """Sum the states a' = w a from a start. The bug: 1.001 w is handed back for w."""
    start, counts = rng.standard_normal(), np.ones(T)
    if counted is not None:
        counts = 1.0 * (np.arange(T) == counted)

    def states(p):
        return p.get("start", start) * p["w"] ** np.arange(T + 1)

    def gradient(p):
        d = {name: np.array(0.0) for name in p}
        da = 0.0
        for t in reversed(range(T)):
            da += counts[t]
            d["w"] += da * states(p)[t]
            da *= 1.001 * p["w"]
        return d | {"start": np.array(da)} if "start" in p else d

    parameters = {"w": np.array(rng.uniform(0.5, 1.5))}
    if counted is not None:
        parameters["start"] = np.array(start)
    return GradientProblem(parameters, lambda p: (counts * states(p)[1:]).sum(), gradient)


def test_error_against_lag_is_that_of_one_target() -> None:
    """The state k steps before the target's is off by 1.001 for each of the k + 1 steps back."""
    diagnosis = verify(chain_with_a_factor, Settings(cases=10)).diagnosis
    assert diagnosis is not None
    assert diagnosis.first_T == 2
    found = {lag: errors["start"] for lag, errors in diagnosis.of_one_target.items()}
    assert found == pytest.approx({lag: 1.001 ** (lag + 1) - 1 for lag in range(6)}, rel=1e-6)


def test_counted_needs_a_factory_that_takes_it() -> None:
    case = check(chain_with_a_factor, {"T": 3}, counted=0)
    assert "counted=0" in str(case)
    with pytest.raises(InputError, match="takes no keyword counted"):
        check(f"{problems.__file__}:square", {"n": 2}, counted=0)


def test_page_is_whole_and_loads_nothing(wrong_report) -> None:
    text = page([wrong_report])
    assert not re.search(r"https?:|<script|@import|src=|url\(", text)
    for words in ("<strong>wrong</strong>", "error against lag", "right digits", "check("):
        assert words in text
    assert text.count("<figure") == len(wrong_report.shown.findings)


def test_page_escapes_what_somebody_wrote() -> None:
    def problem(n, rng):
        return GradientProblem(
            {"<b>w": rng.standard_normal(n)},
            lambda p: (p["<b>w"] ** 2).sum(),
            lambda p: {"<b>w": p["<b>w"]},
        )

    assert "<b>w" not in page([verify(problem, Settings(cases=3))])


def test_command_has_the_exit_status_of_the_verdict(tmp_path: Path) -> None:
    for name, status in (("square", 0), ("gives_nan", 1), ("crashes_at_2", 2)):
        done = subprocess.run(
            [sys.executable, "-m", "bptt", "verify", f"{problems.__file__}:{name}",
             "--cases", "12", "--json", f"{name}.json", "--html", f"{name}.html"],
            cwd=tmp_path, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == status, done
        assert json.loads((tmp_path / f"{name}.json").read_text())["exit_status"] == status
        assert (tmp_path / f"{name}.html").read_text().startswith("<!doctype html>")


def test_default_dtype_of_torch_is_left_as_it_was() -> None:
    check(problems.wrong_in_float32, {"n": 2})
    assert torch.get_default_dtype() == torch.float32
