"""The interface of every Training, whichever engine computes it."""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np

from reference import Hyperparameters, Step

from .validation import Progress


@runtime_checkable
class Training(Protocol):
    """What every engine's Training has; its arrays are the engine's own."""

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
    """A Training that takes many iterations in one call, and may take fewer than asked for."""

    def advance(self, iterations: int) -> list[Step]: ...


@runtime_checkable
class Composed(Training, Protocol):
    """A Training put together from parts; its schedule reads what validation has said."""

    progress: Progress


@runtime_checkable
class InProcesses(Training, Protocol):
    """A Training that several processes take together."""

    def share_state(self) -> None: ...


def next_window(training: Training) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the first lane's next step will read: inputs and targets (T,), state (H, 1)."""
    T, position = training.hyperparameters.seq_length, training.position
    state = np.asarray(training.hidden_state)[:, :1]
    if position + T + 1 > len(training.text) // training.lanes:
        position, state = 0, np.zeros_like(state)
    window = np.asarray(training.text[position : position + T + 1]).astype(np.int64)
    return window[:-1], window[1:], state
