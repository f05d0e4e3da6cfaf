"""The training problem: the notebook's iteration, and the interface of a training engine.

N characters of text, V symbols, H hidden units, T characters per window.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from reference import Gradients, Hyperparameters, Parameters, Training, Vocabulary


@dataclass(frozen=True)
class State:
    """The state of a training: everything that its next iteration depends on."""

    parameters: Parameters
    sums: Gradients
    hidden: Float[np.ndarray, "H 1"]
    position: int


@dataclass(frozen=True)
class Problem:
    """A training to be continued from `start`, computed in `dtype`."""

    text: Int[np.ndarray, " N"]
    symbols: str
    T: int
    dtype: str
    start: State
    learning_rate: float = 0.05
    clip: float = 5.0

    @property
    def H(self) -> int:  # noqa: N802 - the size
        return self.start.parameters.Whx.shape[0]

    @property
    def V(self) -> int:  # noqa: N802 - the size
        return len(self.symbols)

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(self.symbols)

    @property
    def hyperparameters(self) -> Hyperparameters:
        """The hyperparameters, with samples so rare that none falls into a measurement."""
        return Hyperparameters(
            hidden_size=self.H,
            seq_length=self.T,
            learning_rate=self.learning_rate,
            iterations=10**9,
            sample_every=10**9,
        )

    def cast(self, array: np.ndarray) -> np.ndarray:
        """Return a contiguous copy in this problem's dtype."""
        return np.array(array, self.dtype, order="C")


class Trainer(ABC):
    """A training engine; `run` is what is timed, each time after a `reset`."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem

    @abstractmethod
    def put(self, state: State) -> None:
        """Continue from a copy of the state."""

    @abstractmethod
    def get(self) -> State:
        """Return a copy of the state, in float64."""

    @abstractmethod
    def advance(self, iterations: int) -> Sequence[float]:
        """Run `iterations` iterations; return the loss of each window, a sum in nats."""

    def reset(self) -> None:
        self.put(self.problem.start)

    def run(self, units: int) -> None:
        self.advance(units)

    def window(self, position: int) -> tuple[int, bool]:
        """Return where the next window begins, and whether the text is restarted there."""
        wraps = position + self.problem.T + 1 > len(self.problem.text)
        return (0 if wraps else position), wraps


def restricted(text: str, symbols: int) -> tuple[str, str]:
    """Keep only the `symbols` most frequent symbols; return the text and the sorted symbols."""
    kept = {symbol for symbol, _ in Counter(text).most_common(symbols)}
    return "".join(symbol for symbol in text if symbol in kept), "".join(sorted(kept))


def trained(training: Training, iterations: int) -> State:
    """Run `iterations` iterations of the reference and return its state."""
    for _ in range(iterations):
        training.step()
    return State(
        training.parameters.copy(),
        training.accumulators.copy(),
        training.hidden_state.copy(),
        training.position,
    )
