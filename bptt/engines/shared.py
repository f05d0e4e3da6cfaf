"""The compiled gradient over a process group: each process computes some lanes, all get the sum.

V symbols, H hidden units, T characters a window, B lanes, b lanes of this process, R processes.
"""

import math

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

import reference
from torch_impl.fast.layout import Storage
from torch_impl.fast.network import Network
from torch_impl.kernels.products import ROWS

from .gradients import GradientEngine, Window, named
from .processes import ProcessGroup


def share(
    parameters: reference.Parameters,
    group: ProcessGroup,
    *,
    seq_length: int,
    lanes: int,
    dtype: torch.dtype,
    running_clip: bool,
) -> GradientEngine:
    """Return this process's part of an engine that the process group shares.

    All processes must call its `differentiate` with the same windows.
    """
    H, V = parameters.Whx.shape
    first, end = group.ranges(lanes)[group.rank]
    own = Network(
        parameters,
        vocab_size=V,
        hidden_size=H,
        seq_length=seq_length,
        lanes=end - first,
        dtype=dtype,
    )
    return Gathered(own, group, lanes) if running_clip else Summed(own, group, lanes)


class Summed(GradientEngine):
    """Sums gradients over processes by one all-reduce, for training without a running clip."""

    def __init__(self, own: Network, group: ProcessGroup, lanes: int) -> None:
        self._own, self._group = own, group
        self._mine = slice(*group.ranges(lanes)[group.rank])
        H, dtype = own.weights.H, own.weights.dtype
        sizes = [own.gradients.memory.numel(), group.size * 2, H * lanes, H * lanes]
        self._sent = torch.zeros(sum(sizes), dtype=dtype)
        memory, losses, states, signals = self._sent.split(sizes)
        self._sums = Storage(H, own.weights.V, dtype, memory)
        self._losses = losses.view(group.size, 2)
        self._states, self._signals = states.view(H, lanes), signals.view(H, lanes)
        self.storages = own.weights, self._sums
        self.parameters, self.gradients = map(named, self.storages)

    def differentiate(self, window: Window, clip: float | None) -> float:
        """Return the loss of all lanes, in nats. Raises ValueError for a running clip."""
        if clip is not None:
            raise ValueError(f"sums over processes take no running clip, got {clip}")
        loss = self._own.differentiate(*_some(window, self._mine), math.inf)
        self._sums.memory.copy_(self._own.gradients.memory)
        # Each process's entries are zero in all others, so that the sum collects them.
        for gathered in (self._losses, self._states, self._signals):
            gathered.zero_()
        self._losses[self._group.rank] = in_two(loss, self._losses.dtype)
        self._states[:, self._mine] = self._own.final_state
        self._signals[:, self._mine] = self._own.initial_signal
        self._group.add_up(self._sent)
        return math.fsum(self._losses.flatten().tolist())

    @property
    def final_state(self) -> Float[Tensor, "H B"]:
        return self._states.clone()

    @property
    def initial_state_gradient(self) -> Float[Tensor, "H B"]:
        return self._signals.clone()


class Gathered(GradientEngine):
    """Gathers all lanes in every process, since the running clip bounds sums over all lanes.

    The states of all lanes are gathered, and the gradients with respect to their pre-activations
    (dh) and logits (dz). Each process then computes some rows of the weights' gradients, with the
    same kernel and in the same order as one process alone would; finally the rows are gathered.
    """

    def __init__(self, own: Network, group: ProcessGroup, lanes: int) -> None:
        self._own, self._group = own, group
        self._whole = own.with_lanes(lanes)
        self._lanes = group.ranges(lanes)
        H, V = own.weights.H, own.weights.V
        self._rows = group.ranges(H, ROWS), group.ranges(V, ROWS)
        T, most = own.seq_length, max(end - first for first, end in self._lanes)
        self._shapes = (T, most, H), (T, most, H), (V, T, most), (2,)
        sizes = [math.prod(shape) for shape in self._shapes]
        dtype = own.weights.dtype
        self._signals = torch.zeros(group.size, sum(sizes), dtype=dtype)
        heights = [max(end - first for first, end in rows) for rows in self._rows]
        self._summed = torch.zeros(group.size, *(sum(heights), H), dtype=dtype)
        self._heights = heights
        self._sizes = sizes
        self.storages = own.weights, self._whole.gradients
        self.parameters, self.gradients = map(named, self.storages)

    def differentiate(self, window: Window, clip: float | None) -> float:
        """Return the loss of all lanes, in nats."""
        mine = slice(*self._lanes[self._group.rank])
        loss = self._own.find_signals(*_some(window, mine))
        self._whole.read(window[0], window[2])
        total = self._gather_signals(loss)
        of_Wha, of_Wya = (rows[self._group.rank] for rows in self._rows)
        self._whole.sum_up(math.inf if clip is None else clip, of_Wha, of_Wya)
        self._gather_rows()
        return total

    def _gather_signals(self, loss: float) -> float:
        """Copy all processes' lanes into the workspace; return the loss of all lanes in nats."""
        rank = self._group.rank
        parts = self._parts(self._signals[rank])
        for part, values in zip(parts, _lanes_of(self._own), strict=False):
            part[tuple(map(slice, values.shape))] = values
        parts[-1][:] = in_two(loss, self._signals.dtype).numpy()
        self._group.gather(self._signals[rank].clone(), self._signals)
        losses: list[float] = []
        for (first, end), row in zip(self._lanes, self._signals, strict=True):
            *parts, its_loss = self._parts(row)
            states, dh, dz = _lanes_of(self._whole)
            width = end - first
            states[:, first:end], dh[:, first:end] = parts[0][:, :width], parts[1][:, :width]
            dz[:, :, first:end] = parts[2][:, :, :width]
            losses += its_loss.tolist()
        return math.fsum(losses)

    def _parts(self, row: Tensor) -> list[np.ndarray]:
        parts = row.split(self._sizes)
        return [part.view(s).numpy() for part, s in zip(parts, self._shapes, strict=True)]

    def _gather_rows(self) -> None:
        gradients, rank = self._whole.gradients, self._group.rank
        mine = torch.zeros_like(self._summed[rank])
        pairs = list(zip((gradients.Wha, gradients.Wya), self._rows, strict=True))
        for part, (matrix, rows) in zip(mine.split(self._heights), pairs, strict=True):
            first, end = rows[rank]
            part[: end - first] = matrix[first:end]
        self._group.gather(mine, self._summed)
        for other, summed in enumerate(self._summed):
            for part, (matrix, rows) in zip(summed.split(self._heights), pairs, strict=True):
                first, end = rows[other]
                matrix[first:end] = part[: end - first]

    @property
    def final_state(self) -> Float[Tensor, "H B"]:
        return self._whole.final_state

    @property
    def initial_state_gradient(self) -> Float[Tensor, "H B"]:
        return self._whole.initial_signal


def _some(window: Window, lanes: slice) -> Window:
    inputs, targets, state = window
    return inputs[:, lanes], targets[:, lanes], state[:, lanes]


def _lanes_of(network: Network) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return views of the states after each step (T, b, H), of dh (T, b, H) and dz (V, T, b)."""
    work, T, b = network.work, network.seq_length, network.lanes
    H, V, padded = network.weights.H, network.weights.V, len(network.work.carried)
    states = work.states[padded:].reshape(T, padded, -1)[:, :b, :H]
    dh = work.dh[: T * padded].reshape(T, padded, -1)[:, :b, :H]
    dz = work.dz[:V, : T * padded].reshape(V, T, padded)[:, :, :b]
    return states, dh, dz


def in_two(loss: float, dtype: torch.dtype) -> Tensor:
    """Split a float64 into a sum of two numbers of a dtype: float32 has too few digits."""
    high = torch.tensor(loss, dtype=dtype)
    return torch.stack([high, torch.tensor(loss - float(high), dtype=dtype)])
