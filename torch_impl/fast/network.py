"""A network in the engine's own storage, whose windows are differentiated again and again.

V symbols, H hidden units, T characters a window, B lanes.
"""

from collections.abc import Iterable

import numpy as np
import torch

from .iterations import differentiate
from .layout import Storage, workspace
from .running_clip import limit


class Network:
    """Weights, room for a window of B lanes, and the gradients of the last one.

    `weights` may be changed in place between windows; `gradients` are those of the last window.
    """

    def __init__(
        self,
        parameters: Iterable[torch.Tensor | np.ndarray],
        *,
        vocab_size: int,
        hidden_size: int,
        seq_length: int,
        lanes: int,
        dtype: torch.dtype,
    ) -> None:
        """Copy the parameters. Raises as Storage.fill does."""
        self.weights = Storage.zeros(hidden_size, vocab_size, dtype)
        self.weights.fill(parameters, "parameters")
        self.gradients = Storage.zeros(hidden_size, vocab_size, dtype)
        self.seq_length, self.lanes = seq_length, lanes
        self._work = workspace(hidden_size, vocab_size, seq_length, lanes, dtype)
        self._arrays = (self.weights.arrays(), self.gradients.arrays())

    def differentiate(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        state: torch.Tensor | np.ndarray,
        clip: float,
    ) -> float:
        """Fill `gradients` from a window; return its loss in nats, summed over steps and lanes.

        `inputs` and `targets` are (T, B) and must lie in 0..V-1, `state` is (H, B); `clip` is the
        running clip's bound, infinite for none.
        """
        H, V, T, B = self.weights.H, self.weights.V, self.seq_length, self.lanes
        work = self._work
        work.states[:B, :H] = np.asarray(state).T
        work.inputs.reshape(T, -1)[:, :B] = inputs
        work.targets.reshape(T, -1)[:, :B] = targets
        number = work.dh.dtype.type
        safe = limit(clip, T * B, work.dh.dtype)
        return differentiate(*self._arrays, work, T, B, H, V, number(clip), number(safe))

    @property
    def final_state(self) -> torch.Tensor:
        """What the last window ended with, (H, B): a copy."""
        first = self.seq_length * len(self._work.carried)
        return self._states(self._work.states[first:])

    @property
    def initial_signal(self) -> torch.Tensor:
        """What the last window's loss says of the states it began with, (H, B): a copy."""
        dh = self._states(self._work.dh)
        return self.weights.Wha.T @ dh

    def _states(self, rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(rows[: self.lanes, : self.weights.H].T.copy())
