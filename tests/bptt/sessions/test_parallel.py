"""Several processes under torchrun train as one does, and survive the loss of one."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from bptt.engines import processes as group
from bptt.engines.processes import ALONE, ProcessGroup
from bptt.errors import InputError
from bptt.runs.folder import RunFolder
from bptt.sessions import lifecycle

from ...program import TEXT
from .shared_lockstep import CASES, NOTEBOOKS, WHOLE

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone",
            "--monitor-interval", "0.1"]  # fmt: skip
LIMIT = 300  # seconds; two processes may both compile the kernels first
PROC = Path("/proc/self/environ")


OPTIONS = [
    word
    for key, value in (WHOLE | {"hidden": WHOLE["hidden_size"]}).items()
    if key != "hidden_size"
    for word in (f"--{key.replace('_', '-')}", str(value))
]


def start(processes: int, *arguments: object, folder: Path, restarts: int = 0) -> subprocess.Popen:
    root = Path(__file__).parents[3]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    own = {"OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    if sys.platform == "linux":
        own["GLOO_SOCKET_IFNAME"] = "lo"  # a machine's name need not lead to itself
    return subprocess.Popen(
        [*TORCHRUN, "--nproc-per-node", str(processes), "--max-restarts", str(restarts),
         "-m", *map(str, arguments)],
        cwd=folder, env=os.environ | own, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True,
    )  # fmt: skip


def ended(agent: subprocess.Popen) -> tuple[int, str]:
    """Wait for the end, but not for ever; torchrun takes its processes along."""
    try:
        output, _ = agent.communicate(timeout=LIMIT)
    except subprocess.TimeoutExpired:
        agent.terminate()
        try:
            output, _ = agent.communicate(timeout=40)
        finally:
            agent.kill()
        pytest.fail(f"not over after {LIMIT} s: {output[-3000:]}")
    return agent.returncode, output


def wait(ready: Callable[[], bool], agent: subprocess.Popen) -> None:
    limit = time.monotonic() + LIMIT
    while not ready():
        if agent.poll() is not None or time.monotonic() > limit:
            agent.terminate()
            pytest.fail(f"ended early or too late: {agent.communicate(timeout=40)[0][-3000:]}")
        time.sleep(0.01)


def worker(agent: subprocess.Popen, rank: int) -> int | None:
    """Return the process of a rank, if it runs."""
    for file in Path(f"/proc/{agent.pid}/task").glob("*/children"):
        for pid in file.read_text().split():
            if f"RANK={rank}".encode() in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                return int(pid)
    return None


def arrays(folder: Path) -> dict[str, np.ndarray]:
    return safetensors.numpy.load_file(folder / "checkpoint.safetensors")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What tests/bptt/sessions/shared_lockstep.py leaves behind after running with two
    processes.
    """
    folder = tmp_path_factory.mktemp("parallel")
    (folder / "text.txt").write_text(TEXT)
    status, output = ended(
        start(2, "tests.bptt.sessions.shared_lockstep", folder / "text.txt", folder, folder=folder)
    )
    assert status == 0, output
    return folder


@pytest.mark.parametrize("case", CASES)
def test_two_processes_in_lockstep_with_one(case: str, folder: Path) -> None:
    found = json.loads((folder / "found.json").read_text())[case]
    # A single lane has a product of its own; others are computed alike, and the clip folds alike.
    exactly = case.startswith("running clip") and "one lane" not in case
    assert found["gradients"] <= (0.0 if exactly else 1e-12), found
    assert found["weights"] <= (0.0 if exactly else 1e-12), found
    assert found["states"] <= (0.0 if exactly else 1e-12), found
    assert found["loss"] <= 1e-13, found
    assert found["acted"] > 100 or not case.startswith("running clip")
    assert found["learned"] > 0 or "learned" not in case


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_adagrad_in_two_processes_ends_in_the_bits_of_one(
    dtype: str, folder: Path, tmp_path: Path
) -> None:
    lifecycle.begin(str(folder / "text.txt"), NOTEBOOKS | {"dtype": dtype}, tmp_path / "one")
    two, one = arrays(folder / dtype), arrays(tmp_path / "one")
    assert two.keys() == one.keys()
    for name, value in one.items():
        np.testing.assert_array_equal(two[name], value, err_msg=name)


@pytest.mark.skipif(not PROC.exists(), reason="finds threads in /proc")
@pytest.mark.parametrize("rank", [0, 1])
def test_no_thread_of_a_group_outlives_it(rank: int, folder: Path) -> None:
    threads = json.loads((folder / f"threads-{rank}.json").read_text())
    assert threads
    assert not [name for name in threads if "gloo" in name]


@pytest.mark.campaign  # `make crashes` does more of the same
def test_run_of_two_processes_goes_on_in_one_and_back(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    short = dict(WHOLE, iterations=300)
    run = lifecycle.make(str(tmp_path / "text.txt"), short, tmp_path / "run")
    lifecycle.train_to_end(run)
    status, output = ended(
        start(2, "bptt", "train", "--resume", "run", "--iterations", 450, folder=tmp_path)
    )
    assert status == 0, output
    lifecycle.resume(tmp_path / "run", None, {"iterations": 600})
    ours, whole = arrays(tmp_path / "run"), arrays(folder / "whole")
    for name, value in whole.items():
        np.testing.assert_array_equal(ours[name], value, err_msg=name)


@pytest.mark.campaign
@pytest.mark.skipif(not PROC.exists(), reason="finds processes in /proc")
def test_killed_workers_are_started_anew_and_the_run_ends_in_the_same_bytes(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    checkpoint = tmp_path / "run/checkpoint.safetensors"
    arguments = ("text.txt", *OPTIONS, "--out", "run")
    agent = start(2, "bptt", "train", *arguments, folder=tmp_path, restarts=3)
    wait(checkpoint.exists, agent)
    for rank in (1, 0):  # one that follows, then the one that leads
        before = checkpoint.stat().st_mtime_ns
        wait(lambda before=before: checkpoint.stat().st_mtime_ns > before, agent)
        pid = worker(agent, rank)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
    status, output = ended(agent)
    assert status == 0, output
    assert output.count("Resuming from iteration") >= 2, output
    assert checkpoint.read_bytes() == (folder / "whole/checkpoint.safetensors").read_bytes()
    log, whole = (RunFolder(path).log for path in (tmp_path / "run", folder / "whole"))
    assert len(log.read_text().splitlines()) == len(whole.read_text().splitlines())


@pytest.mark.campaign
@pytest.mark.parametrize("how", ["signal", "breakdown"])
def test_all_processes_end_when_the_first_one_ends_early(how: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    arguments = ["text.txt", *OPTIONS, "--out", "run", "--iterations", 10**6]
    if how == "breakdown":
        arguments += ["--learning-rate", "1e308"]
    agent = start(2, "bptt", "train", *arguments, folder=tmp_path)
    if how == "signal":
        log = tmp_path / "run/log.jsonl"
        wait(lambda: log.exists() and log.stat().st_size > 0, agent)
        agent.send_signal(signal.SIGTERM)
    status, output = ended(agent)
    assert status != 0
    said = "Stopped by SIGTERM after iteration" if how == "signal" else "training broke down"
    assert output.count(said) == 1, output
    assert "lost the connection" not in output


REFUSED = [
    (
        ProcessGroup(0, 2),
        {"lanes": 2, "engine": "torch"},
        "only with --engine fast, got engine torch",
    ),
    (ProcessGroup(0, 3), {"lanes": 2, "engine": "fast"}, "at least 3 for 3 processes, got 2"),
    (
        ProcessGroup(0, 2),
        {"lanes": 2, "engine": "fast", "recurrent_dropout": 0.1},
        "dropout needs a training in one process, got 2 processes",
    ),
]


@pytest.mark.parametrize(("together", "settings", "said"), REFUSED)
def test_what_processes_cannot_share_is_refused(
    together: ProcessGroup, settings: dict, said: str, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    with pytest.raises(InputError, match=said):
        lifecycle.make(str(tmp_path / "text.txt"), settings, tmp_path / "run", together)
    assert not (tmp_path / "run").exists()


def test_restart_goes_on_only_with_the_run_that_its_own_torchrun_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT)
    given = {"hidden_size": 2, "seq_length": 3, "iterations": 5, "split": "all"}
    lifecycle.begin(str(text), given, tmp_path / "older")
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "mine")
    with pytest.raises(InputError, match="--out RUN"):
        lifecycle.begin(str(text), given, None)
    lifecycle.begin(str(text), given, tmp_path / "mine")
    monkeypatch.setenv("TORCHELASTIC_RESTART_COUNT", "1")
    lifecycle.begin(str(text), given, tmp_path / "mine")
    with pytest.raises(InputError, match="exists already"):
        lifecycle.begin(str(text), given, tmp_path / "older")


@pytest.mark.parametrize(("count", "unit"), [(5, 1), (8, 4), (9, 4), (3, 4), (64, 1)])
def test_shares_cover_everything_once_and_are_nearly_equal(count: int, unit: int) -> None:
    for size in (1, 2, 3):
        ranges = ProcessGroup(0, size).ranges(count, unit)
        assert [first for first, _ in ranges] == [0, *(end for _, end in ranges[:-1])]
        assert ranges[-1][1] == count
        lengths = [end - first for first, end in ranges]
        assert max(lengths) - min(lengths) < 2 * unit
        assert all(first % unit == 0 for first, end in ranges if first < end)


def test_process_without_torchrun_is_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with group.joined() as found:
        assert found is ALONE
        assert found.leads
