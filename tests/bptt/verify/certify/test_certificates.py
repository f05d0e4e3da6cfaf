"""Certified digits count what they say, and the command writes what it promises."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from hypothesis import given, settings
from rich.console import Console
from typer.testing import CliRunner

from bptt.cli.certify import certify as command
from bptt.errors import InputError
from bptt.verify.certify import certificate_report as report
from bptt.verify.certify import certificates as module
from bptt.verify.certify.balls import enclose
from bptt.verify.certify.certificates import (
    ENGINES,
    MOST,
    NAMES,
    Certificate,
    certify,
    correct_digits,
    worst_and_median,
)
from bptt.verify.certify.enclosure import Enclosure
from reference import Gradients, Parameters

from ....program import TEXT
from ....strategies import Case, cases

CASE = Case(5, 6, 4, 0, 0.3, 0.2, "random", "random")
WINDOW = CASE.inputs, CASE.targets, CASE.state


def certificates(case: Case = CASE) -> list[Certificate]:
    window = case.inputs, case.targets, case.state
    return [
        certificate
        for weights in ("initial", "trained")
        for certificate in certify(weights, case.parameters, window, case.clip)
    ]


def test_planted_errors_have_the_digits_that_were_planted() -> None:
    enclosure = enclose(CASE.parameters, *WINDOW, radius=1e-60)
    computed = enclosure.midpoints()
    for digits, value in zip((3, 5, 7, 9, 11), computed, strict=True):
        value *= 1 + 10.0**-digits
    found = correct_digits(computed, enclosure)
    for digits, name in zip((3, 5, 7, 9, 11), NAMES, strict=True):
        own = found[name].own
        assert np.nanmax(np.abs(own - digits)) < 1e-4
        assert np.nanmin(found[name].of_largest) == pytest.approx(digits, abs=1e-4)


def test_entries_that_are_exactly_zero_count_only_when_got_wrong() -> None:
    case = Case(3, 2, 2, 0, 0.3, None, "one symbol", "zero")
    enclosure = enclose(case.parameters, case.inputs, case.targets, case.state)
    computed = enclosure.midpoints()
    used = case.inputs[0]
    absent = (used + 1) % 3
    assert np.isnan(correct_digits(computed, enclosure)["Whx"].own[:, absent]).all()
    computed.Whx[0, absent] = 1e-300
    computed.Whx[0, used] = 0.0
    found = correct_digits(computed, enclosure)["Whx"]
    assert found.own[0, absent] == 0.0
    assert found.own[0, used] == 0.0
    assert np.isnan(found.own[1, absent])


def test_digits_can_be_none_and_exact() -> None:
    case = Case(1, 2, 1, 0, 1.0, None, "random", "zero")
    enclosure = enclose(case.parameters, case.inputs, case.targets, case.state)
    found = correct_digits(case.parameters.zeros_like(), enclosure)
    assert all(worst_and_median(digits.own) is None for digits in found.values())
    clipped = enclose(CASE.parameters, *WINDOW, clip=1e-3)
    on_the_clip = Gradients(*(np.sign(value) * 1e-3 for value in clipped.midpoints()))
    assert (correct_digits(on_the_clip, clipped)["by"].own == MOST).any()


def test_an_enclosure_that_is_wide_certifies_no_digits_beyond_it() -> None:
    narrow = enclose(CASE.parameters, *WINDOW, radius=1e-60)
    computed = narrow.midpoints()
    for value in computed:
        value *= 1 + 1e-12
    digits = correct_digits(computed, narrow)
    assert all(np.nanmax(part.own) < 12.1 for part in digits.values())


@settings(max_examples=15)
@given(cases(max_size=4, max_scale=1.0))
def test_every_engine_is_certified_on_every_window(case: Case) -> None:
    found = list(certify("drawn", case.parameters, (case.inputs, case.targets, case.state), 0.5))
    assert [c.engine for c in found if c.clip is None] == list(ENGINES)
    assert [c.engine for c in found if c.clip == 0.5] == [e for e in ENGINES if e.clips]
    for certificate in found:
        for digits in certificate.digits.values():
            np.testing.assert_array_equal(np.isnan(digits.own), np.isnan(digits.of_largest))
            counted = ~np.isnan(digits.own)
            assert (digits.of_largest[counted] >= digits.own[counted] - 1e-9).all()


def test_engines_have_the_digits_of_their_format() -> None:
    for certificate in certificates():
        least, most = (14.0, 17.0) if certificate.engine.dtype == "float64" else (5.0, 8.5)
        for digits in certificate.digits.values():
            found = worst_and_median(digits.of_largest)
            assert found is not None
            assert least <= found[0]
            assert certificate.clip is not None or found[0] <= most


def test_all_engines_are_given_numbers_that_float32_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    given = []

    def record(parameters: Parameters, *window: np.ndarray, **settings: Any) -> Enclosure:
        given.append((*parameters, window[2]))
        return enclose(parameters, *window, **settings)

    monkeypatch.setattr(module, "enclose", record)
    certificates()
    for value in given[0]:
        np.testing.assert_array_equal(value, value.astype(np.float32))
        assert np.abs(value).max() > 0.0


def test_tables_fit_sixty_columns_whole() -> None:
    console = Console(width=60, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123 - rich wants a file
    for table in report.tables(certificates()):
        console.print(table)
    text = console.export_text()
    console.file.close()
    assert "…" not in text
    assert text.count("nn.RNN") == 2 * 2 * 2
    assert max(len(line) for line in text.splitlines()) <= 60


def test_the_closer_engine_wins_the_duel() -> None:
    found = certificates()
    twin64 = next(c for c in found if (c.engine.name, c.engine.dtype) == ("twin", "float64"))
    twin32 = next(c for c in found if (c.engine.name, c.engine.dtype) == ("twin", "float32"))
    fraction = report.closer(twin64, twin32)
    assert fraction is not None
    assert fraction > 0.99
    assert report.closer(twin64, twin64) == 0.5
    assert [duel[:2] for duel in report.duels(found)] == [
        (weights, dtype) for weights in ("initial", "trained") for dtype in ("float64", "float32")
    ]


def run(*arguments: str) -> tuple[int, str, BaseException | None]:
    app = typer.Typer()
    app.command()(command)
    result = CliRunner(env={"COLUMNS": "60"}).invoke(app, list(arguments))
    return result.exit_code, result.output, result.exception


def test_command_writes_json_and_a_picture(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    code, output, _ = run(
        str(tmp_path / "text.txt"), "--hidden", "5", "--seq-length", "4",
        "--trained-iterations", "20", "--out", str(tmp_path / "deep/out"),
    )  # fmt: skip
    assert code == 0, output
    assert "initial weights" in output
    assert "closer to the truth than nn.RNN's" in " ".join(output.split())
    content = json.loads((tmp_path / "deep/out/certificates.json").read_text())
    assert content["hidden_size"] == 5
    assert len(content["certificates"]) == 2 * (len(ENGINES) + sum(e.clips for e in ENGINES))
    first = content["certificates"][0]["parameters"]["Wya"]
    assert 10 < first["own"]["worst"] <= first["own"]["median"] < 20
    assert (tmp_path / "deep/out/certificates.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no such file"], "no file and no corpus"),
        (["text.txt", "--seq-length", "1000000"], "must have at least 1000001 characters"),
        (["text.txt", "--out", "text.txt"], "--out must be a folder, got text.txt, a file"),
        (["text.txt", "--encoding", "none such"], "no encoding is called"),
    ],
)
def test_bad_input_is_an_input_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.txt").write_text(TEXT)
    _, _, error = run(*arguments)
    assert isinstance(error, InputError)
    assert words in str(error)


def test_sizes_below_one_are_refused(tmp_path: Path) -> None:
    code, output, _ = run("--hidden", "0", "--out", str(tmp_path))
    assert code == 2
    assert "--hidden" in output
