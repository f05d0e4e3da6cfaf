"""The program runs where there is no POSIX: with what Windows lacks hidden from its modules."""

import os
import subprocess
import sys
from pathlib import Path

from ..program import TEXT


def test_every_command_runs_without_what_only_posix_has(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.bptt.without_posix"],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": str(root), "BPTT_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines()[-1] == "All ran.", done.stdout
    assert "Traceback" not in done.stdout
    assert "can't keep the encoded text" not in done.stdout
    assert list((tmp_path / "cache/encoded").glob("*.npy"))
    assert (tmp_path / "many/summary.json").exists()
    assert (tmp_path / "curves.png").exists()
