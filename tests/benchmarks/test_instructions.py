"""Instructions are counted in what they should be, or it is said why they can't be."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.harness import callgrind
from benchmarks.harness.process import FailedError
from benchmarks.instructions import command
from benchmarks.instructions.command import Count, Task

from .test_benchmarks import CORPUS, GOOD, ROOT, TINY, planted

PROGRAM = """
from benchmarks.harness.callgrind import counted
work = lambda n: sum(range(n))
print([counted(lambda: work(n)) for n in (1000, 21_000, 41_000)])
"""


@pytest.mark.campaign
@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
def test_as_many_more_numbers_take_as_many_more_instructions(tmp_path: Path) -> None:
    before, extra = callgrind.command(tmp_path)
    done = subprocess.run(
        [*before, sys.executable, "-c", PROGRAM],
        cwd=ROOT, env=os.environ | extra, capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    few, more, most = json.loads(done.stdout)
    assert 20_000 * 5 < more - few < 20_000 * 500
    assert most - more == pytest.approx(more - few, rel=0.02)


def test_requests_do_nothing_outside_of_valgrind() -> None:
    request = callgrind._requester()
    for code in (callgrind.ZERO, callgrind.START, callgrind.STOP):
        request(code)
    with pytest.raises(RuntimeError, match="under callgrind"):
        callgrind.counted(lambda: None, {})


def test_count_is_the_total_of_a_dump() -> None:
    assert callgrind.total("summary: 0\n\nfn=(1)\n3 4\n\ntotals: 12345\n") == 12345
    with pytest.raises(ValueError, match="totals"):
        callgrind.total("totals: none\n")


def task() -> Task:
    (first, _) = command.tasks(["training"], replace(TINY, clip=0.5), CORPUS)
    return replace(first, engines=(GOOD,))


def test_wrong_engine_is_not_counted() -> None:
    with pytest.raises(FailedError, match="refused: "):
        command.count(planted("Steeper"), task())


def test_table_has_ratios_to_ours_and_reasons() -> None:
    counts = [Count("slow", "s", 3000.0), Count("fast", "f", 1500.0), Count("no", "n", None, "why")]
    lines = command.section(task(), counts).splitlines()
    assert lines[2] == "| engine | instructions per iteration | over fast |"
    assert lines[4:6] == ["| fast: f | 1,500 | 1.00 |", "| slow: s | 3,000 | 2.00 |"]
    assert lines[-1] == "- no: why"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--only", "sampling"], "training, layer"),
        (["--engine", "ghost"], "ghost"),
        ([], "valgrind"),
    ],
    ids=str,
)
def test_what_cannot_be_counted_is_refused(
    options: list[str], words: str, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(sys, "argv", ["b", "instructions", "--out", str(tmp_path / "o"), *options])
    monkeypatch.setattr(shutil, "which", lambda name: "/bin/valgrind" if options else None)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert not (tmp_path / "o").exists()
