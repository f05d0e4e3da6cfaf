"""Whatever a backward pass does to its process, the report says at which input."""

from types import SimpleNamespace

import numpy as np
import pytest

from bptt.errors import InputError
from bptt.verify import BackwardProblem, Settings, verify_backward
from bptt.verify.checker import processes
from bptt.verify.checker.report.report import Report

from . import deadly
from .test_command import verified

FILE = deadly.__file__


def isolated(problem: BackwardProblem, limit: float = 10.0) -> Report:
    settings = Settings(cases=3, time_limit=limit, sizes={"N": (1, 2)}, budget=2.0)
    return verify_backward(problem, settings=settings, race_seconds=0.0, dtypes=(), isolated=True)


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (deadly.faults_on_strides, "died of SIGSEGV (Segmentation fault) during the call of"),
        (deadly.aborts_on_strides, "died of SIGABRT"),
        (deadly.exits_on_strides, "ended with exit status 3 during the call of backward"),
    ],
    ids=["segmentation fault", "abort", "exit"],
)
def test_death_is_reported_with_its_input_and_the_other_checks_go_on(problem, said: str) -> None:
    report = isolated(problem)
    assert (report.verdict, report.exit_status) == ("right", 1)
    (death,) = report.failed_checks
    assert death.name == "cotangent layouts"
    assert said in death.message
    assert "at N=2, seed=0" in death.message
    passed = {check.name for check in report.checks if check.verdict == "passed"}
    assert {"arguments unchanged", "zero cotangents", "many calls"} <= passed
    if "SIG" in said:
        assert "deadly.py" in death.detail


def test_loop_in_compiled_code_is_ended_and_reported() -> None:
    report = isolated(deadly.spins, limit=0.5)
    assert report.exit_status == 1
    assert "took longer than 0.5 s, inside compiled code, at N=2" in report.failed_checks[0].message


def test_death_in_the_search_is_the_verdict_of_its_case() -> None:
    problem = BackwardProblem(deadly.squares(deadly.segfault, lambda x, up: True), deadly.drawn)
    report = isolated(problem)
    assert (report.verdict, report.exit_status) == ("crashed", 2)
    assert report.results[-1].case.sizes == {"N": 1}
    assert "SIGSEGV" in report.results[-1].message


def test_command_line_reports_a_death_without_a_traceback() -> None:
    done = verified(
        "faults_on_strides", "--cases", "2", "--race-seconds", "0", "--size", "N=1..2",
        "--dtypes", "", file=deadly_file(),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, ""), done
    assert "SIGSEGV" in done.stdout
    assert "Traceback" not in done.stdout


def deadly_file():
    from pathlib import Path

    return Path(FILE)


def test_bad_input_inside_the_process_is_bad_input_outside() -> None:
    problem = BackwardProblem((np.sin,), deadly.drawn)
    with pytest.raises(InputError, match="expected a pair"):
        isolated(problem)


def test_function_that_raises_at_some_sizes_is_reported_and_the_check_goes_on() -> None:
    report = verify_backward(
        deadly.raises, settings=Settings(cases=12), race_seconds=0.0, dtypes=()
    )
    assert (report.verdict, report.exit_status) == ("crashed", 2)
    assert report.tally("verdict").keys() == {"right", "crashed"}
    refused = {check.name: check.message for check in report.checks if check.verdict == "refused"}
    assert "sizes above 3 aren't supported, at N=17" in refused["plain calls at medium sizes"]
    assert any(check.verdict == "passed" for check in report.checks)


class Looked(SimpleNamespace):
    """A call as the parent sees it, which may look after every single write."""

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        assert not processes._is_overdue(self)


def test_no_call_looks_overdue_while_another_begins_or_ends() -> None:
    call = Looked()
    vars(call).update(what=b"", begun=0.0, limit=0.0)
    watcher = processes._Watcher(None, call)
    with watcher.calling("outer", 1e9), watcher.calling("inner", 1e-9):
        assert call.what == b"inner"
    assert (call.what, call.begun, call.limit) == (b"", 0.0, 0.0)
    vars(call).update(begun=-1e9, limit=1.0)
    assert processes._is_overdue(call)
