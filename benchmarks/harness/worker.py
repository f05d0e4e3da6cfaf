"""The worker process of an engine: `python -m benchmarks.harness.worker`.

It reads requests from standard input: pickled tuples of a method's name and its arguments. It
answers with pickled pairs of a status and a value. Thread counts are set in the environment before
anything is imported.
"""

import argparse
import gc
import importlib
import os
import pickle
import sys
import time
import traceback
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from .memory import can_be_measured, peak, reset_peak

DONE, ABSENT, FAILED = "done", "absent", "failed"
CORES = "BENCHMARK_CORES"  # of the environment: to how many cores the worker is confined
PACKAGES = ("numpy", "torch", "numba", "llvmlite", "jax", "jaxlib", "autograd", "onednn-cpu-gomp")


class Host:
    """Holds the engine object ("subject") and executes the parent's requests."""

    subject: Any

    def make(self, path: str, problem: Any) -> float:
        """Import "module:class" and construct it; return the seconds taken."""
        self.subject = None
        gc.collect()
        begun = time.perf_counter()
        module, _, name = path.partition(":")
        self.subject = getattr(importlib.import_module(module), name)(problem)
        return time.perf_counter() - begun

    def call(self, method: str, *arguments: Any) -> Any:
        return getattr(self.subject, method)(*arguments)

    def time(self, units: int) -> tuple[float, float]:
        """Reset the subject, run `units` units; return wall-clock and processor seconds.

        A subject with a method `sample` measures these itself.
        """
        if hasattr(self.subject, "sample"):
            return self.subject.sample(units)
        if hasattr(self.subject, "reset"):
            self.subject.reset()
        gc.collect()
        gc.disable()
        try:
            busy, begun = time.process_time(), time.perf_counter()
            self.subject.run(units)
            return time.perf_counter() - begun, time.process_time() - busy
        finally:
            gc.enable()

    def load(self, module: str) -> float:
        """Import a module; return the seconds taken."""
        begun = time.perf_counter()
        importlib.import_module(module)
        return time.perf_counter() - begun

    def memory(self, path: str, small: Any, problem: Any) -> int | None:
        """Return by how many bytes one unit raises the peak of resident memory; None if unknown.

        A subject for the problem `small` runs first, so that memory for loading and compiling
        doesn't count.
        """
        self.make(path, small)
        self.run_once()
        self.subject = None
        gc.collect()
        before = reset_peak() if can_be_measured() else 0
        self.make(path, problem)
        self.run_once()
        return peak() - before if can_be_measured() else None

    def run_once(self) -> None:
        if hasattr(self.subject, "reset"):
            self.subject.reset()
        self.subject.run(1)

    def instructions(self, units: int) -> int:
        """Count the instructions of `units` units; callgrind must run this process."""
        from .callgrind import counted

        if hasattr(self.subject, "reset"):
            self.subject.reset()
        return counted(lambda: self.subject.run(units))

    def about(self) -> dict[str, Any]:
        """Return the loaded packages with versions and the size of each thread pool."""
        from threadpoolctl import threadpool_info

        versions = {}
        for package in PACKAGES:
            if package in sys.modules:
                try:
                    versions[package] = version(package)
                except PackageNotFoundError:  # importable but not installed as a package
                    versions[package] = "unknown"
        pools = {pool["internal_api"]: pool["num_threads"] for pool in threadpool_info()}
        if "torch" in sys.modules:
            pools["torch"] = sys.modules["torch"].get_num_threads()
        return {"versions": versions, "threads": pools}


def answer(host: Host, request: tuple[Any, ...]) -> tuple[str, Any]:
    method, *arguments = request
    try:
        return DONE, getattr(host, method)(*arguments)
    except ImportError as error:
        return ABSENT, str(error)
    except Exception:
        return FAILED, traceback.format_exc()


def confine(cores: int) -> None:
    """Keep this process on some cores: XLA takes more threads than it is told to.

    Not where the operating system can't.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cores:])


def main() -> None:
    if CORES in os.environ:
        confine(int(os.environ[CORES]))
    # Output of libraries would corrupt the answers, so file descriptor 1 becomes standard error.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    host = Host()
    while True:
        try:
            request = pickle.load(sys.stdin.buffer)
        except EOFError:  # the parent has ended or closed the pipe
            return
        pickle.dump(answer(host, request), answers)
        answers.flush()


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    main()
