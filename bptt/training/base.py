"""The interface of every Training, whichever engine computes it."""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np

from reference import Hyperparameters, Step

from .validation import ValidationHistory


@runtime_checkable
class Training(Protocol):
    """What every engine's Training offers; its arrays are of the engine's own type."""

    parameters: Any
    hidden_state: Any
    position: int
    iteration: int
    smooth_loss: float
    hyperparameters: Hyperparameters
    text: Any
    lanes: int

    def step(self) -> Step: ...

    def __iter__(self) -> Iterator[Step]: ...


@runtime_checkable
class ManyAtOnce(Training, Protocol):
    """A Training that takes many iterations a call, and may take fewer than asked for."""

    def advance(self, iterations: int) -> list[Step]: ...


@runtime_checkable
class Composed(Training, Protocol):
    """A Training whose learning-rate schedule reads the history of validations."""

    progress: ValidationHistory


@runtime_checkable
class InProcesses(Training, Protocol):
    """A Training that a process group shares."""

    def share_state(self) -> None: ...


def next_window(training: Training) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the first lane's next window: inputs and targets (T,), hidden state (H, 1)."""
    T, position = training.hyperparameters.seq_length, training.position
    state = np.asarray(training.hidden_state)[:, :1]
    if position + T + 1 > len(training.text) // training.lanes:
        position, state = 0, np.zeros_like(state)
    window = np.asarray(training.text[position : position + T + 1]).astype(np.int64)
    return window[:-1], window[1:], state
