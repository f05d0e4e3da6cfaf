"""The parent's end of a worker process."""

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

from .absence import AbsentError
from .worker import ABSENT, FAILED

ROOT = Path(__file__).parents[2]
TAIL = 2000  # characters of a dead worker's last words


class FailedError(Exception):
    """A worker raised or died; the message ends with its last words."""


def environment(threads: int) -> dict[str, str]:
    """Return this process's environment with every library's thread count fixed."""
    count = str(threads)
    names = ("OMP", "OPENBLAS", "MKL", "NUMBA", "VECLIB_MAXIMUM", "BLIS")
    fixed = {f"{name}_NUM_THREADS": count for name in names}
    fixed |= {
        "NPROC": count,  # what XLA takes for its pool
        "XLA_FLAGS": f"--xla_cpu_multi_thread_eigen={'true' if threads > 1 else 'false'}",
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    return os.environ | fixed


class Process:
    """One engine's process; leave the context and it ends."""

    def __init__(self, *, threads: int, extra: dict[str, str] | None = None) -> None:
        """`extra` goes into the environment too."""
        self._words = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.harness.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._words,
            env=environment(threads) | (extra or {}),
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )

    def ask(self, method: str, *arguments: Any) -> Any:
        """Have the worker do something and return the value.

        Raises AbsentError where something can't be imported there, FailedError for anything else.
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
            except BrokenPipeError:  # a request was still on its way
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
