"""What `bptt verify` can't work with: what it says, and that it goes on where it can."""

import subprocess
import sys
from pathlib import Path

import pytest

from bptt.cli import main
from bptt.cli.verify import size_range
from bptt.errors import InputError
from bptt.verify import Settings, verify

from ..verify.checker import troublesome_problems as problems

FILE = str(Path(problems.__file__))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("crashes", ["gradient raised ValueError", "Traceback", "np.ones(7 * n)", "at n=1"]),
        ("misses_a_name", ["gradient misses w; expected w"]),
        ("has_an_extra_name", ["gradient has the unknown v; expected w"]),
        ("has_a_wrong_shape", ["expected w of shape (1,), got (1, 1)"]),
        ("gives_a_list", ["gradient must return a dict, got list"]),
        ("loss_is_a_vector", ["loss must be a scalar, got shape (2,)"]),
        ("loss_is_none", ["loss must be a scalar, got None"]),
        ("integers", ["parameter w must be float64 or float32", "got int64"]),
        ("half_precision", ["got float16"]),
        ("no_parameters", ["at least one named array"]),
        ("numpy_and_torch", ["all NumPy or all torch"]),
        ("gives_a_tuple", ["expected a GradientProblem, got tuple"]),
        ("no_rng", ["no_rng(n) takes no rng", "expected problem(T, H, ..., rng)"]),
        ("takes_anything", ["(*sizes, rng): expected problem(T, H, ..., rng)"]),
        ("not_callable", ["is no function but int; expected problem"]),
        ("nowhere", ["has no nowhere; it has", "square"]),
    ],
)
def test_refuses(name: str, said: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        verify(f"{FILE}:{name}", Settings(cases=8))
    for words in said:
        assert words in str(caught.value)


def test_a_call_that_hangs_is_stopped_and_the_search_given_up() -> None:
    with pytest.raises(InputError, match=r"gradient took longer than 0\.2 s .*3 such cases"):
        verify(problems.hangs, Settings(time_limit=0.2))


def test_sizes_that_crash_are_reported_and_the_others_checked() -> None:
    report = verify(problems.crashes_at_2, Settings(cases=30))
    assert (report.verdict, report.exit_status) == ("crashed", 2)
    assert {o.case.sizes["n"] for o in report.results if o.verdict == "crashed"} == {2}
    assert report.tally("verdict")["right"] > 10


def test_sizes_can_be_kept_away_from_those_that_crash() -> None:
    report = verify(problems.crashes_at_2, Settings(cases=20, sizes={"n": (3, 6)}))
    assert (report.verdict, report.exit_status) == ("right", 0)


def test_unknown_size_is_refused() -> None:
    with pytest.raises(InputError, match="has no size T; it has n"):
        verify(problems.square, Settings(sizes={"T": (1, 2)}))


@pytest.mark.parametrize("text", ["T", "T=", "T=0", "T=3..2", "T=a..b", "=1..2", "T=1..2..3"])
def test_size_range_refuses(text: str) -> None:
    with pytest.raises(InputError, match=r"expected NAME=LOW\.\.HIGH"):
        size_range(text)


def test_loss_that_is_never_finite_could_not_be_checked() -> None:
    report = verify(problems.loss_is_nan, Settings(cases=8))
    assert (report.verdict, report.exit_status) == ("not finite", 2)


def run(*arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bptt", "verify", *map(str, arguments)],
        cwd=folder, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("import numpy\n1 / 0\n", ["can't be imported: importing", "1 / 0", "ZeroDivisionError"]),
        ("def problem(:\n", ["SyntaxError", "def problem(:"]),
        ("import qwertyuiop.asdf\n", ["ModuleNotFoundError", "pip install qwertyuiop"]),
        ("raise SystemExit(0)\n", ["SystemExit"]),
        ("while True: pass\n", ["took longer than 1.2 s"]),
        ("x = 1\n", ["has no problem; it has no functions at all"]),
        (None, ["there is no file broken.py"]),
    ],
)
def test_file_that_cannot_be_imported(content: str | None, said: list[str], tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "broken.py").write_text(content)
    done = run("broken.py:problem", "--time-limit", "0.1", folder=tmp_path)
    assert done.returncode == 2, done
    assert done.stdout == ""
    for words in said:
        assert words in done.stderr
    assert "bptt/verify" not in done.stderr
    assert "importlib" not in done.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("crashes", "gradient raised ValueError"),
        ("misses_a_name", "gradient misses w"),
        ("has_an_extra_name", "gradient has the unknown v"),
        ("has_a_wrong_shape", "expected w of shape (1,), got (1, 1)"),
        ("loss_is_a_vector", "loss must be a scalar"),
        ("integers", "parameter w must be float64 or float32"),
        ("no_rng", "takes no rng"),
        ("hangs", "gradient took longer than 0.2 s"),
    ],
)
def test_command_says_what_it_could_not_run_with_status_2(
    name: str, said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["bptt", "verify", f"{FILE}:{name}", "--cases", "8", "--time-limit", "0.2"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit) as ended:
        main()
    written = capsys.readouterr()
    assert ended.value.code == 2
    assert said in written.err
    assert written.out == ""


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("loss_is_nan", 2, "the loss is nan"),
        ("gives_nan", 1, "not finite"),
        ("crashes_at_2", 2, "crashed in"),
    ],
)
def test_command_reports_what_it_could_not_check(
    name: str,
    status: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["bptt", "verify", f"{FILE}:{name}", "--cases", "12"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == status
    assert said in capsys.readouterr().out


def test_page_that_cannot_be_written(tmp_path: Path) -> None:
    done = run(f"{FILE}:square", "--cases", "3", "--html", "no/page.html", folder=tmp_path)
    assert done.returncode == 2
    assert "can't write no/page.html" in done.stderr


def test_missing_hypothesis_says_the_install_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(InputError, match="pip install hypothesis"):
        verify(problems.square)
