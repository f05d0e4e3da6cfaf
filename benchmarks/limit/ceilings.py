# pyright: reportMissingImports=false
"""The machine's ceilings (highest speeds), measured in a process with a fixed thread count.

Each is the best of several programs over many repetitions, since noise can only lower it.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

try:
    import numba
except ImportError:  # the ceilings are then those of NumPy and torch alone
    numba = None

ENTRIES = 16_384  # few enough for the L2 cache, many enough to hide the cost of the call
PRODUCTS = (128, 256, 512, 768)  # sizes of the square matrices


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


class Ceilings:
    """Measures the ceilings; `problem` is the number of seconds to spend on each."""

    def __init__(self, problem: float) -> None:
        self.seconds = problem
        self.sum: Any = None
        self.update: Any = None
        if numba is not None:
            self.sum = numba.njit(_sum, fastmath=True)
            self.update = numba.njit(_update, fastmath=True, error_model="numpy")

    def best(self, work: Callable[[], object]) -> float:
        """Return the shortest time of a call of `work` in seconds."""
        work()
        shortest, end = np.inf, time.perf_counter() + self.seconds
        while time.perf_counter() < end:
            begun = time.perf_counter()
            work()
            shortest = min(shortest, time.perf_counter() - begun)
        return shortest

    def read(self, size: int, dtype: str) -> float:
        """Return the bytes per second of reading `size` bytes repeatedly, the fastest way."""
        count = max(64, size // np.dtype(dtype).itemsize)
        rates = []
        if numba is not None:
            values, times, add = np.zeros(count, dtype), max(1, 2_000_000 // size), self.sum
            rates.append(values.nbytes * times / self.best(lambda: add(values, times)))
        side = max(8, int(count**0.5))
        matrix, vector = np.zeros((side, side), dtype), np.zeros(side, dtype)
        out, many = np.zeros(side, dtype), range(max(1, 2_000_000 // size))

        def multiply() -> None:
            for _ in many:
                np.dot(matrix, vector, out=out)

        rates.append(matrix.nbytes * len(many) / self.best(multiply))
        return max(rates)

    def multiply(self, dtype: str) -> float:
        """Return the floating-point operations per second of square products, two per term."""
        return max(2 * n**3 / self._product(n, dtype) for n in PRODUCTS)

    def _product(self, n: int, dtype: str) -> float:
        a, b, c = (np.ones((n, n), dtype) for _ in range(3))
        p, q, r = (torch.from_numpy(array) for array in (a, b, c))
        return min(
            self.best(lambda: np.matmul(a, b, out=c)), self.best(lambda: torch.mm(p, q, out=r))
        )

    def functions(self, dtype: str) -> dict[str, float]:
        """Return the seconds per entry of tanh, exp and an Adagrad step, on arrays in cache."""
        x = np.linspace(-3, 3, ENTRIES).astype(dtype)
        out, memory = np.empty_like(x), np.ones_like(x)
        kind = x.dtype.type
        p, q = torch.from_numpy(x), torch.from_numpy(out)
        numbers = (out, x, memory, kind(1e-9), kind(1e-8))
        step = self.update
        found = {
            "tanh": min(
                self.best(lambda: np.tanh(x, out=out)), self.best(lambda: torch.tanh(p, out=q))
            ),
            "exp": min(
                self.best(lambda: np.exp(x, out=out)), self.best(lambda: torch.exp(p, out=q))
            ),
            "update": self.best(lambda: step(*numbers))
            if numba is not None
            else self.best(lambda: np.sqrt(memory, out=out)),
        }
        return {name: seconds / ENTRIES for name, seconds in found.items()}
