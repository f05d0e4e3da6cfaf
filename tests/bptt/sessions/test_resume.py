"""An interrupted run ends as if nothing had happened, bit for bit."""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from rich.console import Console

from bptt.errors import InputError
from bptt.runs import checkpoint
from bptt.runs.config import Config
from bptt.runs.folder import RunFolder
from bptt.runs.log import Entry
from bptt.sessions import lifecycle
from bptt.sessions.display import Display
from bptt.sessions.lifecycle import Run
from bptt.sessions.session import Session

from ...kinds import KINDS
from ...program import COMMAND, TEXT, bptt, in_a_process, interrupted


class Silent(Display):
    def show(self, entry: Entry) -> None:
        pass


class StopAt(Display):
    """Asks for a stop, as Ctrl-C does, when an iteration has been logged."""

    def __init__(self, console: Console, config: Config, iteration: int, stop: int) -> None:
        super().__init__(console, config, iteration)
        self._stop = stop

    def show(self, entry: Entry) -> None:
        if entry.iteration == self._stop:
            os.kill(os.getpid(), signal.SIGINT)


def begin(tmp_path: Path, out: str, **given) -> Run:
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    return lifecycle.make(str(text), given, tmp_path / out)


def train(run: Run, display: Display) -> None:
    Session(run.folder, run.config, run.training, run.progress, run.texts.validation).run(display)
    run.folder.draw(run.config)


def without_times(folder: RunFolder) -> list[dict]:
    entries = [json.loads(line) for line in folder.log.read_text().splitlines()]
    return [{key: value for key, value in entry.items() if key != "seconds"} for entry in entries]


@settings(max_examples=3, phases=[Phase.explicit, Phase.reuse, Phase.generate])  # slow to shrink
@given(
    stops=st.lists(st.integers(1, 39), max_size=3),
    kind=st.sampled_from(KINDS),
    hidden_size=st.integers(1, 9),
    seq_length=st.integers(1, 40),
    lanes=st.integers(1, 4),
    seed=st.integers(0, 2**32 - 1),
    checkpoint_every=st.integers(1, 50),
    validate_every=st.integers(1, 20),
    log_every=st.integers(1, 7),
)
@example(
    stops=[20], kind=next(kind for kind in KINDS if "average_decay" in kind), hidden_size=3,
    seq_length=4, lanes=2, seed=0, checkpoint_every=50, validate_every=20, log_every=5,
)  # fmt: skip
def test_stopped_and_resumed_run_ends_in_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, stops: list[int], kind: dict, **given
) -> None:
    tmp_path = tmp_path_factory.mktemp("resume")
    given |= {"iterations": 40, "sample_every": 8, "learning_rate": 0.1} | kind
    console = Console(quiet=True)
    whole = begin(tmp_path, "whole", **given)
    train(whole, Silent(console, whole.config, 0))

    parts = begin(tmp_path, "parts", **given)
    for stop in stops:
        train(parts, StopAt(console, parts.config, 0, stop))
        parts = lifecycle.restored(parts.folder, None, {})
    train(parts, Silent(console, parts.config, 0))

    ours, theirs = parts.folder, whole.folder
    assert ours.checkpoint.read_bytes() == theirs.checkpoint.read_bytes()
    assert ours.best.exists() == theirs.best.exists()
    assert not ours.best.exists() or ours.best.read_bytes() == theirs.best.read_bytes()
    assert ours.samples.read_bytes() == theirs.samples.read_bytes()
    assert ours.config.read_bytes() == theirs.config.read_bytes()
    assert without_times(ours) == without_times(theirs)
    assert ours.loss_plot.read_bytes() == theirs.loss_plot.read_bytes()


@settings(max_examples=100)
@given(data=st.data())
def test_any_damaged_byte_of_a_checkpoint_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    tmp_path = tmp_path_factory.mktemp("damage")
    run = begin(tmp_path, "run", hidden_size=2, seq_length=3, iterations=4)
    folder, config = run.folder, run.config
    content = bytearray(folder.checkpoint.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1), label="place")
    kind = data.draw(st.sampled_from(["flip", "cut", "insert"]), label="kind")
    if kind == "flip":
        content[place] ^= data.draw(st.integers(1, 255), label="bits")
    elif kind == "cut":
        del content[place:]
    else:
        content.insert(place, data.draw(st.integers(0, 255), label="byte"))
    folder.checkpoint.write_bytes(content)
    with pytest.raises(InputError, match=r"checkpoint\.safetensors"):
        checkpoint.load(folder.checkpoint, config)


def test_finished_run_goes_on_to_more_iterations(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    small = ["--hidden", "5", "--seq-length", "4"]
    bptt("train", "text.txt", *small, "--iterations", "50", "--out", "short", folder=tmp_path)
    bptt("train", "text.txt", *small, "--iterations", "90", "--out", "long", folder=tmp_path)
    done = bptt("train", "--resume", "short", folder=tmp_path)
    assert done.returncode == 0
    done = bptt("train", "--resume", "short", "--iterations", "90", folder=tmp_path)
    assert done.returncode == 0, done
    short, long = (tmp_path / name / "checkpoint.safetensors" for name in ("short", "long"))
    assert short.read_bytes() == long.read_bytes()


@pytest.mark.parametrize(
    ("by", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["SIGINT", "SIGTERM"]
)
def test_signal_saves_and_says_how_to_go_on(by: signal.Signals, status: int, tmp_path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    log = tmp_path / "run/log.jsonl"
    arguments = ["--hidden", "5", "--iterations", "30000", "--log-every", "1", "--out", "run"]
    code, output = interrupted(
        "train", "text.txt", *arguments, "--checkpoint-every", "100",
        folder=tmp_path, by=by, ready=lambda: log.exists() and log.stat().st_size > 0,
    )  # fmt: skip
    assert code == status, output
    assert f"Stopped by {by.name}" in output
    assert "bptt train --resume run" in output
    assert "Traceback" not in output
    config = RunFolder(tmp_path / "run").read_config()
    standing, _ = checkpoint.load(tmp_path / "run/checkpoint.safetensors", config)
    assert f"after iteration {standing.iteration};" in output


def kill_at_random(tmp_path: Path, rng: random.Random, longest: float) -> bool:
    """Go on with the run, or begin it, and kill it after a while; say whether it had finished."""
    run = tmp_path / "run"
    arguments = ["--resume", "run"] if run.exists() else ["text.txt", *KILLED, "--out", "run"]
    process = subprocess.Popen(
        [*COMMAND, "train", *arguments],
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    while not run.exists():
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.001)
    try:
        _, said = process.communicate(timeout=rng.uniform(0, longest))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return False
    assert process.returncode == 0, said
    return True


KILLED = ["--hidden", "8", "--seq-length", "6", "--iterations", "1500",
          "--sample-every", "500", "--checkpoint-every", "7", "--log-every", "3"]  # fmt: skip


def run_through_kills(tmp_path: Path, kills: int, seed: int) -> int:
    """Kill a run up to `kills` times, let it finish, and compare; return the number of kills.

    After every kill the checkpoint must be there and load.
    """
    (tmp_path / "text.txt").write_text(TEXT)
    begun = time.perf_counter()
    done = in_a_process("train", "text.txt", *KILLED, "--out", "whole", folder=tmp_path)
    assert done.returncode == 0, done
    longest = 1.5 + 2 * (time.perf_counter() - begun) / max(kills, 1)
    rng = random.Random(seed)
    killed = 0
    while killed < kills and not kill_at_random(tmp_path, rng, longest):
        folder = RunFolder(tmp_path / "run")
        checkpoint.load(folder.checkpoint, folder.read_config())
        killed += 1
    done = in_a_process("train", "--resume", "run", folder=tmp_path)
    assert done.returncode == 0, done
    ours, whole = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "whole")
    assert ours.checkpoint.read_bytes() == whole.checkpoint.read_bytes()
    assert ours.samples.read_bytes() == whole.samples.read_bytes()
    assert without_times(ours) == without_times(whole)
    return killed


@pytest.mark.campaign
def test_killed_run_ends_in_the_same_bytes(tmp_path: Path) -> None:
    assert run_through_kills(tmp_path, kills=1, seed=1) > 0
