"""The worker process as its parent sees it: requests with a time limit, restarts after an end."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from bptt.errors import InputError

LAST_LINES = 15  # of the worker's output, shown where it ended
PATIENCE = 5.0  # seconds for the tests' last fixtures to clean up
STARTUP = 120.0  # seconds beyond the limit of a run, for imports

ROOT = str(Path(__file__).resolve().parents[3])  # where this package is, to run the same in there
# The tests find their modules as by `python -m pytest`: in the current folder, and not in ROOT.
BOOTSTRAP = """
import sys
sys.path.insert(0, sys.argv.pop())
from bptt.verify.audit.worker import main
del sys.path[0]
main()
"""


class WorkerEndedError(Exception):
    """The worker ended, or was ended after its time limit, before it replied."""


class Worker:
    """Runs tests in a process of its own, which is started again after it ended."""

    def __init__(self, target: str, is_pytest: bool, backward: list[str], limit: float) -> None:
        self.first = {"target": target, "is_pytest": is_pytest, "backward": backward}
        self.limit = limit
        self.process: subprocess.Popen[str] | None = None
        self.tests: list[str] = []

    def __enter__(self) -> "Worker":
        self.log = tempfile.TemporaryFile()  # closed in __exit__
        return self

    def __exit__(self, *_: object) -> None:
        self.end(PATIENCE)
        self.log.close()

    def start(self) -> None:
        """Start the process and learn the tests. Raises InputError where it finds none."""
        self.log.seek(0)
        self.log.truncate()
        self.process = subprocess.Popen(
            [sys.executable, "-c", BOOTSTRAP, ROOT],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            encoding="utf-8",
            start_new_session=os.name == "posix",  # what the tests start can be ended with it
        )
        self.replies: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_read, args=(self.process, self.replies), daemon=True).start()
        try:
            reply = self._exchange(self.first, self.limit + STARTUP)
        except WorkerEndedError as error:
            raise InputError(f"the test can't be started: {error}{self._output()}") from None
        if "error" in reply:
            raise InputError(reply["error"] + ("" if reply["is_explained"] else self._output()))
        self.tests = reply["tests"]

    def run(
        self, plant: dict[str, Any] | None, tests: list[str], limit: float | None = None
    ) -> dict[str, Any]:
        """Run tests with an error planted, or with none. Raises WorkerEndedError.

        `limit` is in seconds, and at most that of the worker.
        """
        if self.process is None:
            self.start()
        reply = self._exchange(
            {"plant": plant, "tests": tests}, min(limit or self.limit, self.limit)
        )
        if "error" in reply:
            raise InputError(reply["error"])
        return reply

    def _exchange(self, message: dict[str, Any], limit: float) -> dict[str, Any]:
        process = self.process
        if process is None or process.stdin is None:
            raise RuntimeError("the worker isn't started")
        try:
            process.stdin.write(json.dumps(message) + "\n")
            process.stdin.flush()
            line = self.replies.get(timeout=limit)
        except queue.Empty:
            self.end()
            raise WorkerEndedError(f"took longer than {limit:.3g} s") from None
        except BrokenPipeError:
            line = ""
        if not line:
            status = process.wait()
            self.end()
            raise WorkerEndedError(f"the process ended with {_named(status)}")
        return json.loads(line)

    def end(self, patience: float = 0.0) -> None:
        """Wait `patience` seconds for the process, then kill it, on POSIX with its children."""
        process, self.process = self.process, None
        if process is None:
            return
        if process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                if os.name == "posix":
                    os.killpg(process.pid, signal.SIGKILL)
                else:
                    process.kill()
        process.wait()

    def _output(self) -> str:
        self.log.seek(0)
        lines = self.log.read().decode(errors="replace").strip().splitlines()
        errors = [place for place, line in enumerate(lines) if line.startswith("ERROR")]
        if errors:  # pytest's own words, without what stands above them
            lines = lines[errors[0] :]
        return "".join(f"\n  {line}" for line in lines[-LAST_LINES:])


def _read(process: "subprocess.Popen[str]", replies: "queue.Queue[str]") -> None:
    """Hand on the worker's replies; an empty one says that it ended."""
    if process.stdout is not None:
        for line in process.stdout:
            replies.put(line)
        process.stdout.close()
    replies.put("")


def _named(status: int) -> str:
    if status < 0:
        try:
            return signal.Signals(-status).name
        except ValueError:
            pass
    return f"status {status}"
