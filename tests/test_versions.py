"""A run's record of what computed it says the same, whatever else has been imported."""

import subprocess
import sys

RECORD = "from bptt.config import Versions; print(Versions.current())"


def test_record_does_not_depend_on_what_else_is_imported() -> None:
    alone, beside = (
        subprocess.run(
            [sys.executable, "-c", f"{RECORD}; import {more}; {RECORD}"],
            capture_output=True, text=True, check=True,
        ).stdout.splitlines()
        for more in ("numpy", "scipy.linalg")
    )  # fmt: skip
    assert "blas='" in alone[0]
    assert {*alone, *beside} == {alone[0]}
