"""What can't be certified is said in one line, and the command writes what it promises."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flint import arb

from bptt.cli import app
from bptt.errors import InputError
from bptt.verify import GradientCertificate, GradientProblem, Skip, certify_gradient
from bptt.verify.certify.tape.ball import Tape

from ..checker.correct import FAMILIES
from .one_parameter import CUBE, of_one

EXAMPLES = Path(__file__).parents[4] / "examples"
KEPT = Tape().variable(arb(1))


def skipping(n: int, rng: np.random.Generator) -> GradientProblem:
    raise Skip("n must be odd")


@pytest.mark.parametrize(
    ("problem", "settings", "words"),
    [
        (CUBE, {"digits": 41}, "digits must be above 0 and at most 40, got 41"),
        (CUBE, {"sizes": {"H": 3}}, "has no size H; it has n"),
        (skipping, {}, "n must be odd; choose other sizes"),
        (FAMILIES["detach"], {}, "expected NumPy arrays as parameters, got torch tensors"),
        (of_one(lambda w: np.linalg.eigvalsh(np.outer(w, w)).sum(), np.copy), {},
         r"np.linalg.eigvalsh is not supported .*test_certify_command.py, line \d+"),
        (of_one(lambda w: round(w[0]), np.copy), {}, "on balls, loss raised TypeError"),
        (of_one(lambda w: "much" if w.dtype == object else 1.0, np.copy), {}, "the loss gave str"),
        (of_one(lambda w: w.sum(), lambda w: 1 / 0), {}, "gradient raised ZeroDivisionError"),
        (of_one(lambda w: KEPT if w.dtype == object else 1.0, np.copy), {}, "an earlier call kept"),
        ("no such file.py:problem", {}, "there is no file"),
    ],
)  # fmt: skip
def test_what_cannot_be_certified_is_an_input_error(
    problem: Any, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        certify_gradient(problem, **settings)


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    with pytest.raises(SystemExit) as ended:
        app(["certify", *arguments])
    return ended.value.code, capsys.readouterr().out  # pyright: ignore[reportReturnType]


def test_command_reports_and_writes_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    target, out = f"{EXAMPLES}/gru_with_a_bug.py:problem", tmp_path / "deep"
    arguments = "--size", "T=3", "--size", "H=2", "--seed", "1", "--out", str(out)
    code, output = run(target, *arguments, capsys=capsys)
    assert code == 1
    assert "proved wrong" in output
    assert "At T=3, H=2, V=4, seed=1" in output
    assert "error at least" in output
    assert max(map(len, output.replace(str(out), "").replace(target, "").splitlines())) <= 80
    content = json.loads((out / "certificate.json").read_text())
    assert content["verdict"] == "proved wrong"
    assert content["case"]["sizes"] == {"T": 3, "H": 2, "V": 4}


def test_command_says_when_nothing_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    code, output = run(f"{EXAMPLES}/lstm.py:problem", "--digits", "12", capsys=capsys)
    assert code == 0
    assert "40 or more" in output
    assert "Tolerance: float64 to 1.0e-12" in output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["gru.py:problem", "--hidden", "3"], "--hidden is an option of a corpus"),
        (["gru.py:problem", "--size", "T"], "expected NAME=NUMBER, such as T=4, got T"),
        (["text.txt", "--digits", "3"], "--digits is an option of FILE.py:NAME"),
    ],
)
def test_options_of_the_other_kind_are_refused(arguments: list[str], words: str) -> None:
    with pytest.raises(InputError, match=words):
        app(["certify", *arguments], standalone_mode=False)


def test_certificate_says_what_it_is_worth() -> None:
    certificate = certify_gradient(CUBE)
    assert isinstance(certificate, GradientCertificate)
    assert "proved right, 1" in str(certificate)
    assert json.loads(json.dumps(certificate.to_json(), allow_nan=False))["bits"] == 256
