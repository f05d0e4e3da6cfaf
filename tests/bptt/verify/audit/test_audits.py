"""Whole audits, in processes of their own, of tests whose tolerance is known."""

import json
import shutil
from pathlib import Path

import pytest

from bptt.verify.audit.auditing import audit
from bptt.verify.audit.report import FunctionAudit
from bptt.verify.audit.settings import Settings

from ....program import bptt
from . import audited
from .audited import torch_tests


@pytest.fixture(autouse=True)
def _no_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out pytest's plugins in the audited processes: to import them takes a second each."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("audited")
    for file in Path(audited.__file__).parent.glob("*_tests.py"):
        shutil.copy(file, made)
    return made


def factors(function: FunctionAudit) -> dict[str, float | None]:
    return {one.name: one.factor and one.factor.seen for one in function.gradients}


def test_thresholds_of_torch_functions_are_those_computed_by_hand(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    report = audit("torch_tests.py", Settings(runs=2))
    functions = {one.name: one for one in report.functions}
    local = "test_of_a_function_made_inside.Local"
    assert set(functions) == {"Affine", "Cube", "audited::doubled", local}

    x, weight, bias = torch_tests.leaves()
    right = torch_tests.by_autograd(lambda x, weight, bias: x @ weight + bias, (x, weight, bias))
    largest = {
        name: float(value.abs().max())
        for name, value in zip(("x", "weight"), right[:2], strict=True)
    }
    by_hand = {
        ("Affine", "x"): 0.02 + 0.3 / largest["x"],
        ("Affine", "weight"): 0.02 + 0.3 / largest["weight"],
        ("Cube", "x"): 1e-3 + 1e-5 / float(3 * x.detach().square().max()),
        ("audited::doubled", "x"): 1e-4,
        (local, "x"): 2.0**-24,  # half the spacing of float32 above 1
    }
    for (function, gradient), expected in by_hand.items():
        found = factors(functions[function])[gradient]
        assert found is not None
        assert expected / 2 < found < 2 * expected, (function, gradient)

    gradients = {one.name: one for one in functions["Affine"].gradients}
    assert factors(functions["Affine"])["bias"] is None
    assert {"zeros", "NaN", "wrong sign", "None"} <= set(gradients["bias"].missed)
    assert gradients["x"].missed == gradients["weight"].missed == []
    assert functions["Cube"].gradients[0].missed == []
    assert report.is_repeatable
    assert report.exit_status == 1
    assert report.summary.startswith("Your tests pass zeros, NaN, ")
    assert report.summary.endswith("can't see a factor of 1.5 in Affine.bias.")


def test_named_numpy_function_is_audited_by_the_command(folder: Path) -> None:
    target = "numpy_tests.py::test_relative_error"
    named = ("--backward", "numpy_tests.py:loss_and_gradients")
    done = bptt("audit", target, *named, "--runs", "2", "--json", "out.json", folder=folder)
    assert done.returncode == 1, done
    assert done.stderr == ""
    found = json.loads((folder / "out.json").read_text())
    (function,) = found["backward_passes"]
    by_hand = 2 * 5e-3 / (1 - 5e-3)  # |f - 1| / (f + 1) = 5e-3
    assert [one["name"] for one in function["gradients"]] == ["weight", "bias", "all"]
    for gradient in function["gradients"]:
        assert by_hand / 2 < gradient["factor"]["seen"] < 2 * by_hand
        assert "passes" not in {trial["verdict"] for trial in gradient["trials"].values()}
    assert found["summary"] in done.stdout
    assert "Your test sees all gross errors, but can't see a factor below 1" in done.stdout
    for row in ("transpose", "one entry zero", "shift by 1", "smallest factor", "smallest noise"):
        assert row in done.stdout


def test_test_that_crashes_or_hangs_has_seen_the_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    named = ("numpy_tests:loss_and_gradients",)
    settings = Settings(backward=named, gradients=("bias",), runs=1, time_limit=1.0)
    report = audit("numpy_tests:crash_and_hang", settings)
    ((_, gradient),) = report.gradients
    assert gradient.trials["NaN"].said == "the process ended with status 3"
    assert gradient.trials["zeros"].said == "took longer than 1 s"
    assert {one for one, trial in gradient.trials.items() if trial.verdict == "seen"} == {
        "NaN", "zeros", "None",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.py::test"], "there is no file nowhere.py"),
        (["nowhere.py:function"], "there is no file nowhere.py"),
        (["torch_tests"], "expected TESTS.py, TESTS.py::test or MODULE:FUNCTION, got torch_tests"),
        (["numpy_tests.py", "--factor", "0"], "--factor must be above 0 and below 1, got 0"),
        (["numpy_tests.py", "--runs", "0"], "--runs must be at least 1, got 0"),
        (["numpy_tests.py", "--budget", "0"], "--budget must be a positive number of seconds"),
        (["numpy_tests.py::test_nothing"], "not found"),
    ],
)
def test_command_refuses(arguments: list[str], said: str, folder: Path) -> None:
    done = bptt("audit", *arguments, folder=folder)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert said in done.stderr
    assert "Traceback" not in done.stderr
