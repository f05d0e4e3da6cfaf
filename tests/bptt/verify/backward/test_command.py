"""`bptt verify` takes functions with their own backward pass, and shows every check."""

import json
import subprocess
from pathlib import Path

from ....program import bptt

FILE = Path(__file__).with_name("functions.py")
EXAMPLE = Path(__file__).parents[4] / "examples" / "softplus_with_a_bug.py"


def verified(name: str, *words: str, file: Path = FILE) -> subprocess.CompletedProcess[str]:
    return bptt("verify", f"{file}:{name}", *words, folder=file.parent)


def test_wrong_backward_pass_ends_with_1_and_its_page_and_json_have_the_checks(tmp_path) -> None:
    report, page = tmp_path / "report.json", tmp_path / "page.html"
    done = verified("wrong", "--cases", "12", "--json", str(report), "--html", str(page))
    assert done.returncode == 1, done
    assert "cotangents transposed" in done.stdout
    found = json.loads(report.read_text())
    assert found["verdict"] == "wrong"
    assert {check["verdict"] for check in found["checks"]} == {"passed"}
    assert "<h2>Checks</h2>" in page.read_text()


def test_failed_check_is_in_the_headline_and_nothing_is_a_traceback() -> None:
    done = verified("careless", "--cases", "12")
    assert done.returncode == 1, done
    assert "wrong: arguments unchanged" in " ".join(done.stdout.split())
    assert done.stderr == ""


def test_bug_of_the_example_is_found() -> None:
    done = verified("softplus", "--cases", "12", file=EXAMPLE)
    assert done.returncode == 1, done
    assert "wrong: arguments unchanged" in " ".join(done.stdout.split())


def test_right_backward_pass_ends_with_0() -> None:
    done = verified("right", "--cases", "12")
    assert (done.returncode, done.stderr) == (0, ""), done
