"""The interface of every training, whichever engine computes it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from reference import Hyperparameters, Step

from .validation import ValidationHistory


class Training(ABC):
    """A training, taken one iteration at a time.

    `learned` and `optimizer_state` hold tensors by name, which are updated in place. `hidden_state`
    (H, B) is the initial state of the next window, which begins at `position` in each lane's
    section of the text. `averages` holds averages of `learned` over the iterations, or nothing if
    the settings ask for none. `progress` is the history of validations, for the learning-rate
    schedule.

    >>> for step in training:
    ...     print(step.iteration, step.loss)  # nats per window, summed over the lanes
    """

    parameters: Iterable[Any]
    learned: dict[str, Any]
    optimizer_state: dict[str, Any]
    averages: dict[str, Any]
    hidden_state: Any
    position: int
    iteration: int
    smooth_loss: float
    hyperparameters: Hyperparameters
    text: Any
    lanes: int
    progress: ValidationHistory

    @property
    def published(self) -> dict[str, Any]:
        """The weights, and a learned initial state, to evaluate: their averages where there are."""
        return self.averages or self.learned

    @abstractmethod
    def step(self) -> Step:
        """Take one iteration.

        Raises FloatingPointError if the loss isn't finite; nothing is updated then.
        """

    def advance(self, iterations: int) -> list[Step]:
        """Take up to `iterations` iterations, at least one. By default it is one."""
        return [self.step()]

    def share_state(self) -> None:
        """Copy the state to all processes that share the training. By default it has one."""
        return

    def __iter__(self) -> Iterator[Step]:
        """Take the remaining iterations."""
        while self.iteration < self.hyperparameters.iterations:
            yield self.step()


def next_window(training: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the first lane's next window: inputs and targets (T,), hidden state (H, 1).

    Any engine's own Training will do.
    """
    T, position = training.hyperparameters.seq_length, training.position
    state = np.asarray(training.hidden_state)[:, :1]
    if position + T + 1 > len(training.text) // training.lanes:
        position, state = 0, np.zeros_like(state)
    window = np.asarray(training.text[position : position + T + 1]).astype(np.int64)
    return window[:-1], window[1:], state
