"""The limit: a lower bound for the seconds of a workload, from the machine's measured ceilings.

Three kinds of ceilings are measured (`limit/ceilings.py`): bytes per second read from a buffer of
a given size, operations per second of a large matrix product, and seconds per entry of tanh, exp
and an Adagrad step. The limit is the sum of four parts:

- *Sweep*. A step's Wha a needs the previous state, so Wha is read once per step forward and once
  backward, from whichever cache holds it; with B lanes it is a product of 2 B H² operations, and
  the slower of reading and multiplying counts.
- *Products*. Everything else (logits, Wyaᵀ dz, the gradients of the weights) can be done after the
  sweep as one product over all steps, at the product's ceiling.
- *Functions*. H tanh and V exp per step.
- *Update*. An Adagrad step for every weight, or reading and writing weights and sums, whichever is
  slower.

The sum assumes that a core does one of these at a time. One that multiplies while it waits for
memory could be faster, so this is a bound for programs that compute in this order rather than a
theorem; a multiple of the limit below 1 would show it. For several threads every ceiling is
measured on one thread's portion and multiplied.

The ceilings are measured anew in every round, between the engines (`limit/contestant.py`), so that
an engine's multiple of the limit compares two times of the same moments.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..harness.arena import Yardstick
from ..harness.machine import cache_bytes
from ..harness.profiles import Profile

Key = tuple[str, *tuple[Any, ...]]  # of a ceiling, see ceilings.py

NAME = "limit"
SUBJECT = "benchmarks.limit.contestant:Contestant"
DEFAULT_L1 = 32 * 1024  # bytes, if the system doesn't report it


@dataclass(frozen=True)
class Limit:
    """The formulas, for a number of threads.

    `seconds` returns the seconds per byte, operation or entry at the ceiling with this key.
    """

    seconds: Callable[[Key], float]
    threads: int

    def parts(self, workload: str, sizes: dict[str, int], dtype: str) -> dict[str, float]:
        """Return the parts of a unit's bound, in seconds, of "training", "layer" or "character"."""
        return getattr(self, workload)(**sizes, dtype=dtype)

    def read(self, size: int, dtype: str) -> float:
        """Return the seconds to read `size` bytes that were read shortly before.

        With a suitable order, as much as the L1 cache holds is still there and costs nothing.
        """
        share = max(1, size // self.threads)
        near = min(share, cache_bytes().get("L1", DEFAULT_L1))
        far = share - near
        seconds = near * self.seconds(("read", near, dtype))
        return seconds + (far * self.seconds(("read", share, dtype)) if far else 0.0)

    def multiply(self, operations: float, dtype: str) -> float:
        """Return the seconds of matrix products with `operations` operations, two per term."""
        return operations * self.seconds(("multiply", dtype)) / self.threads

    def apply(self, function: str, entries: float, dtype: str) -> float:
        """Return the seconds of "tanh", "exp" or "update" over `entries` entries."""
        return entries * self.seconds((function, dtype)) / self.threads

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
        """Return the parts of the bound for a layer's forward and backward pass, in seconds.

        The layer has H inputs. There are four products: forward with the input weights, and the
        gradients of the input weights, of the input and of Whh.
        """
        return {
            "sweeps": 2 * T * self._step(B, H, dtype),
            "products": self.multiply(4 * 2 * T * B * H * H, dtype),
            "functions": self.apply("tanh", T * B * H, dtype),
        }

    def character(self, H: int, V: int, dtype: str) -> dict[str, float]:
        """Return the parts of the bound for one sampled character, in seconds.

        Finding the most probable symbol needs no exp.
        """
        size = (H * H + V * H) * np.dtype(dtype).itemsize
        return {"sweeps": self.read(size, dtype), "functions": self.apply("tanh", H, dtype)}

    def _step(self, B: int, H: int, dtype: str) -> float:
        return max(
            self.read(H * H * np.dtype(dtype).itemsize, dtype),
            self.multiply(2 * B * H * H, dtype) if B > 1 else 0.0,
        )


@dataclass(frozen=True)
class LimitProblem:
    """A workload's name, sizes and dtype, for which `Limit.parts` has a formula.

    Each program that may reach a ceiling is tried for `choosing` seconds; in a round, each ceiling
    is timed for about `sampling` seconds.
    """

    workload: str
    sizes: dict[str, int]
    dtype: str
    threads: int
    choosing: float
    sampling: float


def limit_of(
    workload: str, sizes: dict[str, int], dtype: str, threads: int, profile: Profile
) -> Yardstick:
    """Return the limit of a workload, to be timed in its rounds."""
    problem = LimitProblem(
        workload, sizes, dtype, threads, profile.ceiling_seconds, profile.sample_seconds
    )
    return Yardstick(NAME, "the machine's ceilings", SUBJECT, problem)
