"""Training several seeds in parallel, each in a process of its own with one thread."""

import os
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console

from ..sessions.session import StopRequest
from .seeds_folder import SeedsFolder
from .seeds_progress import SeedsProgress

BETWEEN_LOOKS = 0.05  # seconds
# Windows has no sessions: Ctrl-C in a console reaches all its processes, and can't be sent.
HAS_SESSIONS = hasattr(os, "setsid")


def run(
    folder: SeedsFolder, seeds: list[int], source: str | None, jobs: int, console: Console
) -> list[str]:
    """Train the seeds, `jobs` at a time; return an error message for each one that failed.

    A process's output goes to output.txt in its run's folder. A signal is forwarded to all
    processes; when they have saved their runs, this one exits with the signal's status.
    """
    waiting, failed = list(seeds), []
    going: dict[int, subprocess.Popen[bytes]] = {}
    with StopRequest() as stop, SeedsProgress(console) as progress:
        try:
            while going or (waiting and stop.signal is None):
                while waiting and len(going) < jobs and stop.signal is None:
                    seed = waiting.pop(0)
                    one = folder.run(seed)
                    progress.begin(seed, one)
                    going[seed] = _start(_output(folder, seed), folder, seed, source)
                    console.print(f"Seed {seed}: started in {one.path}", markup=False)
                time.sleep(BETWEEN_LOOKS)
                progress.look()
                if stop.signal is not None:
                    for process in going.values() if HAS_SESSIONS else ():
                        process.send_signal(stop.signal)
                    _wait_for(going)
                    break
                for seed in [one for one, process in going.items() if process.poll() is not None]:
                    progress.end(seed)
                    failure = _failure(folder, seed, going.pop(seed).returncode)
                    if failure is not None:
                        failed.append(failure)
                    console.print(failure or f"Seed {seed}: finished.", markup=False)
        finally:
            for process in going.values():
                if process.poll() is None:
                    process.terminate()
            _wait_for(going)
    if stop.signal is not None:
        console.print(f"Stopped by {stop.signal.name}; everything is saved.", markup=False)
        sys.exit(128 + stop.signal)
    return failed


def _wait_for(going: dict[int, subprocess.Popen[bytes]]) -> None:
    for process in going.values():
        process.wait()


def _output(folder: SeedsFolder, seed: int) -> Path:
    return folder.run(seed).path / "output.txt"


def _start(
    output: Path, folder: SeedsFolder, seed: int, source: str | None
) -> subprocess.Popen[bytes]:
    text = [] if source is None else [source]
    one_thread = {"OMP_NUM_THREADS": "1"}  # which torch, and so the compiled engine, goes by
    with output.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "bptt", "train", *text, "--resume", folder.run(seed).path],
            env=os.environ | one_thread,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=HAS_SESSIONS,  # so Ctrl-C reaches only this process
        )


def _failure(folder: SeedsFolder, seed: int, status: int) -> str | None:
    if status == 0:
        return None
    output = _output(folder, seed)
    lines = output.read_text(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "no output")
    return f"seed {seed} (status {status}: {last}; see {output})"
