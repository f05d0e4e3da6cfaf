"""The limit: seconds that a workload needs at least, from what this machine was measured to do.

Three ceilings are measured (`engines/ceilings.py`): bytes read a second from a buffer of a given
size, operations a second of a large matrix product, and seconds an entry for tanh, exp and
Adagrad's step. Work that depends on itself can't go faster than these:

- *Sweep*. A step's Wha a needs the state before, so Wha is read once for each step forward and once
  backward, from whichever cache holds it; with B lanes it is a product of 2 B H² operations, and
  the slower of reading and multiplying counts.
- *Products*. Everything else (logits, Wyaᵀ dz, the gradients of the weights) can wait for the sweep
  and be one product over all steps, at the product's ceiling.
- *Functions*. H tanh a step, V exp a step.
- *Update*. Adagrad's step for every weight, or reading and writing weights and sums, whichever is
  slower.

They are added up, as if a core did only one at a time. One that multiplies while it waits for
memory could go below the sum, so it is a bound on programs that compute in this order rather than
a theorem; a multiple below 1 would say so. With several threads every ceiling is measured on a
thread's share and multiplied.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..harness.machine import cache_bytes
from ..harness.process import Process

DEFAULT_L1 = 32 * 1024  # bytes, where the system doesn't say


@dataclass
class Limit:
    """The machine's ceilings for a number of threads, measured when first asked for."""

    process: Process
    threads: int
    measured: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def begin(cls, process: Process, threads: int, seconds: float) -> "Limit":
        """Spend `seconds` on each measurement, in a process that has one thread."""
        process.ask("make", "benchmarks.limit.ceilings:Ceilings", seconds)
        return cls(process, threads)

    def _ask(self, *request: Any) -> Any:
        key = " ".join(map(str, request))
        if key not in self.measured:
            self.measured[key] = self.process.ask("call", *request)
        return self.measured[key]

    def read(self, size: int, dtype: str) -> float:
        """Return seconds to read `size` bytes that were read shortly before.

        As much as the first-level cache holds may still lie there, if the order is clever.
        """
        share = max(1, size // self.threads)
        near = min(share, cache_bytes().get("L1", DEFAULT_L1))
        far = share - near
        seconds = near / self._ask("read", near, dtype)
        return seconds + (far / self._ask("read", share, dtype) if far else 0.0)

    def multiply(self, operations: float, dtype: str) -> float:
        """Return seconds of matrix products with so many operations, two for each term."""
        return operations / (self._ask("multiply", dtype) * self.threads)

    def apply(self, function: str, entries: float, dtype: str) -> float:
        """Return seconds of "tanh", "exp" or "update" over so many entries."""
        return entries * self._ask("functions", dtype)[function] / self.threads

    def training(self, H: int, V: int, T: int, dtype: str, B: int = 1) -> dict[str, float]:
        """Return the parts of one training iteration's bound, in seconds."""
        weights = H * V + H * H + V * H + H + V
        item = np.dtype(dtype).itemsize
        return {
            "sweeps": 2 * T * self._step(B, H, dtype),
            "products": self.multiply(2 * T * B * (3 * H * V + H * H), dtype),
            "functions": self.apply("tanh", T * B * H, dtype) + self.apply("exp", T * B * V, dtype),
            "update": max(
                self.apply("update", weights, dtype), 2 * self.read(2 * weights * item, dtype)
            ),
        }

    def layer(self, B: int, H: int, T: int, dtype: str) -> dict[str, float]:
        """Return the parts of a layer's forward and backward, H inputs wide, in seconds.

        The products: input weights forward, their gradient, the input's gradient, Whh's gradient.
        """
        return {
            "sweeps": 2 * T * self._step(B, H, dtype),
            "products": self.multiply(4 * 2 * T * B * H * H, dtype),
            "functions": self.apply("tanh", T * B * H, dtype),
        }

    def character(self, H: int, V: int, dtype: str) -> dict[str, float]:
        """Return the parts of one sampled character's bound, in seconds.

        The most probable symbol needs no exp.
        """
        size = (H * H + V * H) * np.dtype(dtype).itemsize
        return {"sweeps": self.read(size, dtype), "functions": self.apply("tanh", H, dtype)}

    def _step(self, B: int, H: int, dtype: str) -> float:
        return max(
            self.read(H * H * np.dtype(dtype).itemsize, dtype),
            self.multiply(2 * B * H * H, dtype) if B > 1 else 0.0,
        )
