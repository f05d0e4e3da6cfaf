# pyright: reportMissingImports=false
"""The machine's ceilings: the fastest known way to read, to multiply, and to apply functions.

A ceiling is named by a key: ("read", bytes, dtype), ("multiply", dtype), or ("tanh", dtype) and
likewise "exp" and "update", which is an Adagrad step.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from .limit import Key

try:
    import numba
except ImportError:  # the ceilings are then those of NumPy and torch alone
    numba = None

ENTRIES = 16_384  # few enough for the L2 cache, many enough to hide the cost of the call
PRODUCTS = (128, 256, 512, 768)  # sizes of the square matrices
READ = 2_000_000  # bytes that a call reads


def _sum(values, times):
    """Read the whole array `times` times."""
    total = values[0] - values[0]
    for passes in range(times):
        for i in range(len(values)):
            total += values[i]
        values[passes % len(values)] = total  # so that the compiler can't skip a pass
    return total


def _update(value, gradient, memory, rate, epsilon):
    for i in range(len(value)):
        memory[i] += gradient[i] * gradient[i]
        value[i] -= rate * gradient[i] / np.sqrt(memory[i] + epsilon)


SUM: Any = None if numba is None else numba.njit(_sum, fastmath=True)
UPDATE: Any = None if numba is None else numba.njit(_update, fastmath=True, error_model="numpy")


@dataclass(frozen=True)
class Program:
    """A way to reach a ceiling; one call of `work` does `amount` of it.

    The amount is in bytes read, floating-point operations (two per term) or entries.
    """

    name: str
    work: Callable[[], object]
    amount: float

    def best(self, seconds: float) -> float:
        """Return the shortest time of a call, in seconds, found within about `seconds`."""
        self.work()
        shortest, end = np.inf, time.perf_counter() + seconds
        while True:
            begun = time.perf_counter()
            self.work()
            now = time.perf_counter()
            shortest = min(shortest, now - begun)
            if now >= end:
                return shortest


@dataclass(frozen=True)
class Ceiling:
    """The fastest of several programs, and the number of its calls that make a sample."""

    program: Program
    calls: int

    @classmethod
    def choose(cls, key: Key, choosing: float, sampling: float) -> "Ceiling":
        """Try each program for `choosing` seconds; samples then take about `sampling` seconds."""
        times = [(program.best(choosing), program) for program in programs(key)]
        shortest, program = min(times, key=lambda pair: pair[0] / pair[1].amount)
        return cls(program, max(1, round(sampling / shortest)))

    def sample(self) -> tuple[float, float]:
        """Return wall-clock and processor seconds per byte, operation or entry."""
        work = self.program.work
        work()  # fills the caches
        busy, begun = time.process_time(), time.perf_counter()
        for _ in range(self.calls):
            work()
        wall, busy = time.perf_counter() - begun, time.process_time() - busy
        done = self.calls * self.program.amount
        return wall / done, busy / done


def programs(key: Key) -> list[Program]:
    """Return the known ways to reach a ceiling."""
    kind, *arguments = key
    if kind == "read":
        return _reading(*arguments)
    if kind == "multiply":
        return [program for n in PRODUCTS for program in _products(n, *arguments)]
    return _functions(kind, *arguments)


def _reading(size: int, dtype: str) -> list[Program]:
    """Read `size` bytes again and again: a sum, or a matrix times a vector."""
    found, times = [], max(1, READ // size)
    if numba is not None:
        values = np.zeros(max(64, size // np.dtype(dtype).itemsize), dtype)
        found.append(Program("sum", lambda: SUM(values, times), values.nbytes * times))
    side = max(8, int((size // np.dtype(dtype).itemsize) ** 0.5))
    matrix, vector, out = (
        np.zeros((side, side), dtype),
        np.zeros(side, dtype),
        np.zeros(side, dtype),
    )

    def multiply() -> None:
        for _ in range(times):
            np.dot(matrix, vector, out=out)

    return [*found, Program("numpy matrix times vector", multiply, matrix.nbytes * times)]


def _products(n: int, dtype: str) -> list[Program]:
    a, b, c = (np.ones((n, n), dtype) for _ in range(3))
    p, q, r = (torch.from_numpy(array) for array in (a, b, c))
    amount = 2.0 * n**3
    return [
        Program(f"numpy product, n={n}", lambda: np.matmul(a, b, out=c), amount),
        Program(f"torch product, n={n}", lambda: torch.mm(p, q, out=r), amount),
    ]


def _functions(name: str, dtype: str) -> list[Program]:
    x = np.linspace(-3, 3, ENTRIES).astype(dtype)
    out, memory, kind = np.empty_like(x), np.ones_like(x), x.dtype.type
    if name == "update":
        rate, epsilon = kind(1e-9), kind(1e-8)
        if numba is None:
            return [Program("numpy root", lambda: np.sqrt(memory, out=out), ENTRIES)]
        return [Program("numba", lambda: UPDATE(out, x, memory, rate, epsilon), ENTRIES)]
    p, q = torch.from_numpy(x), torch.from_numpy(out)
    by_numpy, by_torch = getattr(np, name), getattr(torch, name)
    return [
        Program("numpy", lambda: by_numpy(x, out=out), ENTRIES),
        Program("torch", lambda: by_torch(p, out=q), ENTRIES),
    ]
