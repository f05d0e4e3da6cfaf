"""Trainings in processes of their own, several at a time, each up to a given iteration.

They are `bptt train` and `python -m benchmarks baseline peer`, which save everything when they get
a SIGTERM, and whose log says what they have reached. So a training is stopped at a rung by the same
signal that stops a person's, and goes on from there later.

The processes stay in this one's process group: a signal to the group stops, suspends or continues
all of them. Of a process that is killed alone, the children go on; the next start finds them by the
files `RUN.pid`, and stops them first.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bptt import files
from bptt.errors import InputError
from bptt.runs import log
from bptt.sessions.session import StopRequest

PROGRAMS = {  # the model: what trains it
    "rnn": ("bptt", "train"),
    "lstm": ("benchmarks", "baseline", "peer"),
    "gru": ("benchmarks", "baseline", "peer"),
    "mingru": ("benchmarks", "baseline", "peer"),
}
BETWEEN_LOOKS = 0.25  # seconds
GRACE = 5.0  # seconds; a second signal would kill children that just got one, with the group
BROKE_DOWN = "training broke down"  # how both programs call a divergence
STOPPED = (130, 143)  # exit statuses after Ctrl-C and SIGTERM


@dataclass(frozen=True)
class Training:
    """A training: the folder of its run, and the options that it starts with."""

    folder: Path
    model: str
    corpus: str
    options: tuple[str, ...]

    @property
    def command(self) -> list[str]:
        """The command that starts the run, or goes on with it."""
        program = ["-m", *PROGRAMS[self.model]]
        if self.folder.exists():
            return [sys.executable, *program, "--resume", str(self.folder)]
        return [
            sys.executable,
            *program,
            self.corpus,
            *self.options,
            "--out",
            str(self.folder),
        ]

    @property
    def results(self) -> Path:
        return self.folder / "results.json"

    @property
    def output(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.output.txt")

    @property
    def process_file(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.pid")

    def entries(self) -> list[log.Entry]:
        return log.read(self.folder / "log.jsonl", log.Entry)

    def validations(self) -> dict[int, float]:
        """Return the bits per character of the validation text by iteration, as logged so far."""
        return {
            one.iteration: one.validation_bits
            for one in self.entries()
            if one.validation_bits is not None
        }


@dataclass(frozen=True)
class Leg:
    """A training, and the iteration whose validation it must reach; None for its end."""

    training: Training
    until: int | None

    @property
    def is_done(self) -> bool:
        if self.training.results.exists():
            return True
        return self.until is not None and self.until in self.training.validations()


def advance(
    legs: Iterable[Leg], jobs: int, say: Callable[[str], None] = print
) -> dict[Training, str]:
    """Train every leg to where it must be, `jobs` at a time; those that are there are left alone.

    Returns the messages of the trainings that broke down. After Ctrl-C or SIGTERM, here or in a
    child, all save what they have, and KeyboardInterrupt is raised. Raises InputError for a
    training that fails for another reason; the others are stopped likewise.
    """
    waiting = _unfinished(legs)
    going: dict[Leg, subprocess.Popen[bytes]] = {}
    told: set[Leg] = set()
    broken: dict[Training, str] = {}
    with StopRequest() as stop:
        try:
            while True:
                while len(going) < jobs and (leg := next(waiting, None)) is not None:
                    going[leg] = _start(leg.training)
                if not going:
                    return broken
                time.sleep(BETWEEN_LOOKS)
                if stop.signal is not None:
                    time.sleep(GRACE)
                    raise KeyboardInterrupt
                for leg, process in list(going.items()):
                    status = process.poll()
                    if status is None:
                        if leg not in told and leg.until is not None and leg.is_done:
                            process.terminate()
                            told.add(leg)
                        continue
                    del going[leg]
                    message = _outcome(leg, status, asked=leg in told)
                    if message is not None:
                        broken[leg.training] = message
                    say(f"{leg.training.folder.name}: {message or 'done'}")
        finally:
            for process in going.values():
                if process.poll() is None:
                    process.terminate()
            for process in going.values():
                process.wait()


def _unfinished(legs: Iterable[Leg]) -> Iterator[Leg]:
    """Yield the legs that aren't where they must be, each once no process trains it any more."""
    for leg in legs:
        _stop_orphan(leg.training)
        if not leg.is_done:
            yield leg


def _start(training: Training) -> subprocess.Popen[bytes]:
    training.folder.parent.mkdir(parents=True, exist_ok=True)
    one_thread = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    with training.output.open("wb") as file:
        process = subprocess.Popen(
            training.command,
            env=os.environ | one_thread,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    born = psutil.Process(process.pid).create_time()
    files.write(training.process_file, f"{process.pid} {born}\n".encode())
    return process


def _outcome(leg: Leg, status: int, *, asked: bool) -> str | None:
    """Return why a training broke down, None if it is where it must be."""
    training = leg.training
    if leg.is_done:
        return None
    if status in STOPPED or status < 0:
        if asked or status not in STOPPED:
            raise InputError(
                f"{training.folder} was ended by signal {abs(status) % 128} before it was done; "
                f"see {training.output}"
            )
        raise KeyboardInterrupt
    lines = training.output.read_text(errors="replace").splitlines()
    last = next((line for line in reversed(lines) if line.strip()), "no output")
    if BROKE_DOWN in last:
        return last.removeprefix("error: ")
    raise InputError(f"{training.folder} failed (status {status}): {last}; see {training.output}")


def _stop_orphan(training: Training) -> None:
    """Stop the process of a killed campaign that still trains this run, and wait for it."""
    if not training.process_file.exists():
        return
    pid, born = training.process_file.read_text().split()
    try:
        process = psutil.Process(int(pid))
        if process.create_time() == float(born):
            process.terminate()
            process.wait()
    except psutil.NoSuchProcess:
        return
