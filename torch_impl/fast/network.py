"""A network whose windows are differentiated repeatedly, in buffers that are allocated once.

V symbols, H hidden units, T characters per window, B lanes (parallel streams).
"""

from collections.abc import Iterable

import numpy as np
import torch

from .dropout import NO_DROPOUT, Dropout
from .gradients import find_initial_signals, find_signals, sum_up
from .layout import Rows, Storage, Workspace, workspace
from .running_clip import limit


class Network:
    """Weights, buffers for a window of B streams, and the gradients of the last window.

    `weights` may be changed in place between windows.
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
        dropout: Dropout = NO_DROPOUT,
    ) -> None:
        """Copy the parameters. Raises the errors of Storage.fill."""
        weights = Storage.zeros(hidden_size, vocab_size, dtype)
        weights.fill(parameters, "parameters")
        self._begin(weights, seq_length, lanes, dropout)

    def _begin(self, weights: Storage, seq_length: int, lanes: int, dropout: Dropout) -> None:
        self.weights = weights
        self.gradients = Storage.zeros(weights.H, weights.V, weights.dtype)
        self.seq_length, self.lanes = seq_length, lanes
        H, V, dtype = weights.H, weights.V, weights.dtype
        self.work: Workspace = workspace(H, V, seq_length, lanes, dtype, dropout)
        self._arrays = (weights.arrays(), self.gradients.arrays())

    def with_lanes(self, lanes: int) -> "Network":
        """Return a network that shares these weights but has its own buffers and gradients."""
        other = object.__new__(Network)
        other._begin(self.weights, self.seq_length, lanes, self.work.dropout)
        return other

    def differentiate(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        state: torch.Tensor | np.ndarray,
        clip: float,
        iteration: int = 1,
    ) -> float:
        """Compute `gradients` for a window; return its loss in nats, summed over steps and streams.

        `inputs` and `targets` are (T, B) with indices in 0..V-1 (not checked here), `state` is
        (H, B); `clip` is the running clip's bound, inf for none. Dropout's masks are those of an
        `iteration`.
        """
        loss = self.find_signals(inputs, targets, state, iteration)
        self.sum_up(clip, (0, self.weights.H), (0, self.weights.V))
        return loss

    def find_signals(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        state: torch.Tensor | np.ndarray,
        iteration: int = 1,
    ) -> float:
        """Compute the states, dz and dh of a window in `work`; return its loss in nats."""
        H, V, T, B = self.weights.H, self.weights.V, self.seq_length, self.lanes
        self.read(inputs, state)
        self.work.iteration[0] = iteration
        self.work.targets.reshape(T, -1)[:, :B] = targets
        return find_signals(self._arrays[0], self.work, T, B, H, V)

    def read(self, inputs: np.ndarray, state: torch.Tensor | np.ndarray) -> None:
        """Copy the initial state and the inputs into `work`: all of the window that sums need."""
        self.work.states[: self.lanes, : self.weights.H] = np.asarray(state).T
        self.work.inputs.reshape(self.seq_length, -1)[:, : self.lanes] = inputs

    def sum_up(self, clip: float, Wha_rows: Rows, Wya_rows: Rows) -> None:
        """Compute `gradients` from the states, dz and dh in `work`.

        Of the gradients of Wha and Wya only the given rows are computed. They must start at a
        multiple of products.ROWS; rows up to the next multiple are overwritten as well.
        """
        number = self.work.dh.dtype.type
        safe = limit(clip, self.seq_length * self.lanes, self.work.dh.dtype)
        sum_up(
            self._arrays[1],
            self.work,
            self.seq_length,
            Wha_rows,
            Wya_rows,
            number(clip),
            number(safe),
        )

    @property
    def final_state(self) -> torch.Tensor:
        """A copy of the states after the last window, (H, B)."""
        first = self.seq_length * len(self.work.carried)
        return self._states(self.work.states[first:])

    @property
    def initial_signal(self) -> torch.Tensor:
        """The gradient of the last window's loss with respect to its initial states, (H, B)."""
        find_initial_signals(self._arrays[0], self.work, self.weights.H)
        return self._states(self.work.carried)

    def _states(self, rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(rows[: self.lanes, : self.weights.H].T.copy())
