"""A small portion of the campaign on crashes, and of its own tools."""

import errno
import subprocess
from pathlib import Path

import pytest

from bptt import files

from ...kinds import KINDS
from .calls import watched
from .failures import Failing, failing_calls
from .power_cuts import power_cuts
from .recording import read_tree, recorded
from .scenarios import COMMANDS, MEMORY, SCENARIOS, prepare_text, surroundings
from .states import crashes
from .stops import stopped_always

pytestmark = pytest.mark.skipif(
    not MEMORY.is_dir() or not Path("/proc/self/fd").is_dir(), reason="finds descriptors in /proc"
)


@pytest.mark.parametrize(("name", "every"), [("run", 35), ("longer run", 12), ("cache", 3)])
def test_power_cut_at_any_moment_loses_nothing(name: str, every: int) -> None:
    (scenario,) = (one for one in SCENARIOS if one.name == name)
    with surroundings() as folder:
        tried = power_cuts(scenario, folder, every=every)
    assert tried.states > 5
    assert not tried.losses, [loss.said for loss in tried.losses]


def test_failing_call_ends_the_command_with_a_clear_error_and_loses_nothing() -> None:
    with surroundings() as folder:
        prepare_text(folder)
        found = failing_calls(COMMANDS["train"], folder, read_tree(folder), (errno.EIO,), every=31)
    assert found.stopped > 5
    assert not found.wrong


@pytest.mark.parametrize("kind", [KINDS[0], KINDS[9]], ids=str)
def test_run_stopped_after_each_iteration_ends_in_the_same_bytes(kind: dict) -> None:
    with surroundings() as folder:
        assert stopped_always(kind, 9, folder)


def contents_of(path: Path, *, durably: bool) -> set[bytes | None]:
    """Return what a file may hold after a power cut during its replacement, or later."""
    path.write_bytes(b"old")
    with recorded(path.parent) as recording:
        if durably:
            files.write(path, b"new content")
        else:
            aside = path.with_suffix(".aside")
            aside.write_bytes(b"new content")
            aside.replace(path)
    return {crash.tree.get(path.name, b"missing") for crash in crashes(recording)}


def test_states_include_every_torn_one_of_a_file_that_is_not_flushed(tmp_path: Path) -> None:
    assert contents_of(tmp_path / "file", durably=True) == {b"old", b"new content"}
    unflushed = contents_of(tmp_path / "file", durably=False)
    assert unflushed == {b"old", b"new content", b"", b"n", b"new c", b"new conten", bytes(11)}


def test_removed_file_comes_back_until_its_folder_is_flushed(tmp_path: Path) -> None:
    for remove, may_come_back in ((files.remove, False), (Path.unlink, True)):
        path = tmp_path / "file"
        path.write_bytes(b"content")
        with recorded(tmp_path) as recording:
            remove(path)
            (tmp_path / "next").touch()
        later = [crash for crash in crashes(recording) if "next" in crash.tree]
        assert any("file" in crash.tree for crash in later) == may_come_back
        (tmp_path / "next").unlink()


def test_whatever_changes_a_folder_behind_the_recorder_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="behind the recorder's back"), recorded(tmp_path):
        subprocess.run(["touch", tmp_path / "file"], check=True)


def test_call_of_a_given_number_fails(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="error"), watched(tmp_path, Failing(number=2)):
        (tmp_path / "file").write_text("written")
    assert (tmp_path / "file").exists()  # opening it was the first call
