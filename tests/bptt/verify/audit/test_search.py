"""The bisection, what is refused before any error is planted, and the summary's words."""

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bptt.errors import InputError
from bptt.verify.audit.process import WorkerEndedError
from bptt.verify.audit.report import (
    MISSED,
    NO_EFFECT,
    SEEN,
    AuditReport,
    FunctionAudit,
    GradientAudit,
    Trial,
)
from bptt.verify.audit.terminal import show
from bptt.verify.audit.thresholds import LARGEST, RATIO, SMALLEST, Threshold, smallest_seen
from bptt.verify.audit.undisturbed import refuse_changed_tests, run_undisturbed


@given(st.floats(-9.5, 0.0))
def test_threshold_lies_between_the_smallest_seen_and_the_largest_missed(exponent: float) -> None:
    true = 10.0**exponent
    tried = []

    def sees(size: float) -> bool:
        tried.append(size)
        return size >= true

    found = smallest_seen(sees)
    assert len(tried) <= 9
    if true > LARGEST:
        assert found == Threshold(None, LARGEST)
    elif true <= SMALLEST:
        assert found == Threshold(SMALLEST, None)
    else:
        assert found.seen is not None
        assert found.missed is not None
        assert found.missed < true <= found.seen <= RATIO * found.missed


class FakeWorker:
    """Replies as a worker with one test does."""

    tests = ("t.py::test",)

    def __init__(self, outcomes: str, **reply: Any) -> None:
        self.outcomes = iter(outcomes)
        self.reply = reply

    def run(self, plant: object, tests: object) -> dict[str, Any]:
        outcome = {"p": "passed", "f": "failed", "s": "skipped"}.get(next(self.outcomes))
        if outcome is None:
            raise WorkerEndedError("took longer than 60 s")
        result = {"test": self.tests[0], "outcome": outcome, "said": "no GPU", "seconds": 0.1}
        observed = {"calls": 1, "tests": [self.tests[0]], "digest": "d", "gradients": {"x": {}}}
        empty = {"observed": {"F": observed}, "known": [], "named": {}, "pending": []}
        return {"results": [result], **empty, **self.reply}


@pytest.mark.parametrize(
    ("outcomes", "reply", "backward", "said"),
    [
        ("fff", {}, (), r"t\.py::test fails as it is, with no error planted: no GPU"),
        ("pfp", {}, (), r"t\.py::test fails by chance: in 1 of 3 undisturbed runs"),
        ("sss", {}, (), r"t\.py::test is skipped: no GPU"),
        ("x", {}, (), "undisturbed, the test can't be run: took longer than 60 s"),
        ("ppp", {"observed": {}}, (), "runs no hand-written backward pass.*--backward FILE.py:"),
        ("ppp", {"observed": {}, "known": ["G"]}, (), "never runs the backward pass.* of G"),
        ("ppp", {"pending": ["g.py:f"]}, ("g.py:f",), "the test never imports g.py"),
        ("ppp", {"named": {"m:f": "m:f"}}, ("m:f",), "never runs the backward pass m:f"),
        (
            "ppp",
            {"observed": {"F": {"tests": ["t.py::test"], "gradients": {}}}, "named": {"m:F": "F"}},
            ("m:F",),
            "m:F returns no floating-point arrays",
        ),
    ],
)
def test_tests_that_tell_nothing_are_refused(
    outcomes: str, reply: dict[str, Any], backward: tuple[str, ...], said: str
) -> None:
    worker: Any = FakeWorker(outcomes, **reply)
    with pytest.raises(InputError, match=said):
        run_undisturbed(worker, 3, backward)


def test_test_that_fails_afterwards_is_refused() -> None:
    worker: Any = FakeWorker("pppf")
    assert run_undisturbed(worker, 3, ()).is_repeatable
    with pytest.raises(InputError, match="fails undisturbed after the planted errors"):
        refuse_changed_tests(worker, ["t.py::test"])


def report_of(*gradients: GradientAudit) -> AuditReport:
    return AuditReport("t.py", [FunctionAudit("F", ["t.py::t"], 1, list(gradients))], 1e-3)


def gradient(name: str, seen: float | None, *missed: str) -> GradientAudit:
    trials = {error: Trial(MISSED if error in missed else SEEN) for error in ("zeros", "NaN")}
    below = LARGEST if seen is None else None if seen == SMALLEST else seen / 1.2
    return GradientAudit(name, trials=trials, factor=Threshold(seen, below))


@pytest.mark.parametrize(
    ("gradients", "status", "summary"),
    [
        (
            [gradient("x", 0.36, "zeros")],
            1,
            "Your test passes zeros; it can't see a factor below 1.3.",
        ),
        (
            [gradient("x", 1e-6, "zeros"), gradient("b", 1.2e-5)],
            1,
            "Your test passes zeros in x; it can't see a factor below 1 + 1.0e-05.",
        ),
        (
            [gradient("x", 1e-6), gradient("b", None, "zeros", "NaN")],
            1,
            "Your test passes zeros and NaN in b; it can't see a factor of 1.5 in b.",
        ),
        (
            [gradient("x", 0.024), gradient("b", 1e-6)],
            1,
            "Your test sees all gross errors, but can't see a factor below 1.02.",
        ),
        (
            [gradient("x", SMALLEST, "NaN")],
            1,
            "Your test passes NaN; it sees a factor from 1 + 1.0e-09 upward.",
        ),
        (
            [gradient("x", 1e-6), gradient("b", 1e-4)],
            0,
            "Your test sees every planted error, and a factor from 1 + 1.0e-04 upward.",
        ),
        (
            [gradient("x", 1e-6), GradientAudit("b")],
            2,
            "Your test sees the errors; the budget ended before all were tried.",
        ),
    ],
)
def test_summary_and_exit_status(gradients: list[GradientAudit], status: int, summary: str) -> None:
    report = report_of(*gradients)
    assert (report.exit_status, report.summary) == (status, summary)


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("is_terminal", [True, False])
def test_tables_fit_into_the_terminal_and_show_each_gradient_once(
    width: int, is_terminal: bool
) -> None:
    names = [f"layers[{n}].weight" for n in range(9)]
    report = report_of(*(gradient(name, 1e-4, "zeros") for name in names))
    console = Console(
        file=io.StringIO(), width=width, force_terminal=is_terminal, color_system=None
    )
    with console.capture() as captured:
        show(report, console)
    lines = captured.get().splitlines()
    table = [line for line in lines if line.startswith(("planted", "zeros", "NaN", "smallest"))]
    assert max(map(len, table)) <= width
    heads = [word for line in table if line.startswith("planted") for word in line.split()[2:]]
    assert heads == names
    verdicts = [word for line in table if line.startswith("zeros") for word in line.split()[1:]]
    assert verdicts == ["passes"] * len(names)


def test_gradient_that_is_zero_is_named() -> None:
    zero = GradientAudit("x", trials={"zeros": Trial(NO_EFFECT)}, factor=Threshold(None, LARGEST))
    console = Console(file=io.StringIO(), width=200)
    with console.capture() as captured:
        show(report_of(zero), console)
    assert "so no factor can be seen: x" in captured.get()
