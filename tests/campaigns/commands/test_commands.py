"""The tables of the campaign that runs the pages' commands, a few of them, and what it reports."""

import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from . import __main__ as campaign
from . import clone
from .changes import CHANGES, NOT_RUN, Change
from .frames import FRAMES, PIECES, framed
from .running import run
from .shown import ROOT, Program, all_commands, all_programs, blocks, in_code, in_prose

QUICK = (
    "git clone <this repository> bptt && cd bptt",
    "bptt",
    "bptt verify --help",
    "bptt certify examples/gru.py:problem --size T=4 --size H=4",
)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return clone.make(tmp_path_factory.mktemp("clone"), run=False)


def test_every_entry_is_of_a_command_that_a_page_shows() -> None:
    shown = all_commands()
    assert [one for one in [*CHANGES, *NOT_RUN] if one not in shown] == []
    assert CHANGES.keys() & NOT_RUN.keys() == set()
    assert [one for one in QUICK if one not in shown] == []


def test_every_frame_is_of_one_python_block() -> None:
    first_lines = Counter(program.first_line for program in all_programs())
    assert {line: first_lines[line] for line in [*FRAMES, *PIECES] if first_lines[line] != 1} == {}


def test_no_change_leaves_a_placeholder_and_each_says_why_where_it_is_not_for_time() -> None:
    for command in all_commands():
        if command in NOT_RUN:
            assert NOT_RUN[command]
            continue
        change = CHANGES.get(command, Change())
        ran = change.applied(command)
        assert not any(word in ran for word in ("…", "<", " DIR", "RUN", "FILE", "TEXT")), ran
        assert change.why or not (change.status or change.before), command


def test_python_blocks_are_programs_once_framed() -> None:
    for program in all_programs():
        if program.first_line not in PIECES:
            compile(framed(program), program.name, "exec")


@pytest.mark.parametrize("command", QUICK)
def test_quick_commands_pass(command: str, original: Path, tmp_path: Path) -> None:
    outcome = run(command, CHANGES.get(command, Change()), original, tmp_path, keep=True)
    assert not outcome.failure, outcome


def test_clone_has_no_run_and_no_file_that_git_ignores(original: Path) -> None:
    assert not (original / ".git").exists()
    assert not (original / "runs").exists()
    assert not (original / "out").exists()
    assert (original / "bptt/runs").is_dir()  # a package of that name is no run
    assert (original / ".venv/bin/python").is_file()


@pytest.mark.parametrize(
    ("command", "change", "said"),
    [
        ("bptt verify --no-such-option", Change(status=1), "exit status 2, expected 1"),
        ("make no-such-target", Change(), "exit status 2, expected 0"),
        ("false; true", Change(), "exit status 1, expected 0"),
        ("true", Change(status=1), "exit status 0, expected 1"),
        ("echo begun; setsid --wait sleep 60", Change(limit=0.3), "not done after 0.3 s"),
        (Program("README.md", 1, "import nothing_of_this_name\n"), Change(), "exit status 1"),
    ],
)
def test_failure_is_reported_with_its_last_lines(
    command: str | Program, change: Change, said: str, original: Path, tmp_path: Path
) -> None:
    began = time.monotonic()
    outcome = run(command, change, original, tmp_path, keep=True)
    assert said in outcome.failure
    assert time.monotonic() - began < 30
    assert psutil.Process().children(recursive=True) == []  # nothing runs on
    for word in ("no-such", "nothing_of_this_name", "begun"):
        asked = command if isinstance(command, str) else command.code
        assert (word in outcome.tail) == (word in asked)


def test_campaign_runs_a_command_that_no_table_knows_and_fails_if_it_fails(
    original: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(clone, "make", lambda folder: original)
    monkeypatch.setattr(campaign, "all_programs", list)
    monkeypatch.setattr(campaign, "all_commands", lambda: {"make test-this": ["README.md"]})
    assert campaign.main([], only_list=False) == 1
    assert "FAILED: exit status 2, expected 0" in capsys.readouterr().out
    monkeypatch.setattr(campaign, "all_commands", lambda: {"make --version": ["README.md"]})
    assert campaign.main([], only_list=False) == 0


def test_commands_are_found_where_pages_have_them() -> None:
    text = """\
Run `bptt
train` or `OMP_NUM_THREADS=1 bptt train …`; not `bpttrain`, `git`, `pip`. `lint` is a word here.

```python
bptt = 1
```
`make test`, `lint` and `other`.
```
$ bptt eval runs/novel  # bits
0.5 bits
bptt train \\
    novel.txt
```
"""
    found = list(blocks(text))
    assert [block.language for block in found if block.language is not None] == ["python", ""]
    prose = ["\n".join(block.lines) for block in found if block.language is None]
    assert [command for one in prose for command in in_prose(one)] == [
        "bptt train", "OMP_NUM_THREADS=1 bptt train …", "make test", "make lint",
    ]  # fmt: skip
    assert in_code(found[-2].lines) == ["bptt eval runs/novel", "bptt train novel.txt"]
    assert len(all_commands()) > 90
    assert (ROOT / "Makefile").is_file()
