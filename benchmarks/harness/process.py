"""The parent's side of a worker process."""

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from .absence import AbsentError
from .worker import ABSENT, CORES, FAILED

ROOT = Path(__file__).parents[2]
TAIL = 2000  # characters of a dead worker's output to show


class FailedError(Exception):
    """A worker raised an error or died; the message ends with the end of its output."""


def environment(threads: int) -> dict[str, str]:
    """Return a copy of the environment with the thread counts of all libraries set."""
    count = str(threads)
    names = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM", "BLIS")
    fixed = {f"{name}_NUM_THREADS": count for name in names}
    fixed |= {
        "NPROC": count,  # XLA's thread pool
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}",
        "JAX_PLATFORMS": "cpu",
        CORES: count,
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    return os.environ | fixed


class Process:
    """The worker process of one engine; leaving the context ends it."""

    def __init__(
        self,
        *,
        threads: int,
        extra: dict[str, str] | None = None,
        before: Sequence[str] = (),
    ) -> None:
        """Start the worker.

        `extra` holds further environment variables, `before` a program that runs the command.
        """
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [*before, sys.executable, "-m", "benchmarks.harness.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env=environment(threads) | (extra or {}),
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the worker's Host and return its value.

        Raises AbsentError if an import fails in the worker, FailedError for any other error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            pickle.dump((method, *arguments), self._process.stdin)
            self._process.stdin.flush()
            how, value = pickle.load(self._process.stdout)
        except (EOFError, BrokenPipeError) as error:
            status = self._process.wait()
            raise FailedError(f"the worker died with status {status}: {self._tail()}") from error
        if how == ABSENT:
            raise AbsentError(value)
        if how == FAILED:
            raise FailedError(value)
        return value

    def _tail(self) -> str:
        self._words.seek(0)
        return self._words.read().decode(errors="replace")[-TAIL:]

    def close(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except BrokenPipeError:  # the worker ended before it read the last request
                continue
        self._process.wait()
        self._words.close()

    def __enter__(self) -> "Process":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
