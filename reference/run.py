"""A run's settings, its iterations and its results, whichever library computes them."""

import math
from dataclasses import dataclass
from typing import Generic, TypeVar


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """What shapes a run. Raises ValueError for a size below 1 or a rate that isn't positive."""

    hidden_size: int = 150
    seq_length: int = 35
    learning_rate: float = 0.05
    iterations: int = 10_000
    sample_every: int = 1000

    def __post_init__(self) -> None:
        for name in ("hidden_size", "seq_length", "iterations", "sample_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0.0 < self.learning_rate < math.inf:
            raise ValueError(
                f"learning_rate must be a positive finite number, got {self.learning_rate}"
            )


@dataclass(frozen=True, slots=True)
class Step:
    """One iteration, counted from 1.

    `loss` is the window's sum and `smooth_loss` the smoothed one *before* this window was added,
    both in nats; `sample` is written in the first and in every sample_every-th iteration, with
    the weights that the iteration began with.
    """

    iteration: int
    loss: float
    smooth_loss: float
    sample: str | None


Weights = TypeVar("Weights")


@dataclass(frozen=True, slots=True)
class Run(Generic[Weights]):
    """What training leaves: one loss an iteration (window sums in nats), and what was reported."""

    parameters: Weights
    losses: list[float]
    reports: list[Step]

    def __repr__(self) -> str:
        last = f", the last with a loss of {self.losses[-1]:.6g} nats" if self.losses else ""
        return f"<Run of {len(self.losses):,} iterations{last}; {len(self.reports)} reports>"
