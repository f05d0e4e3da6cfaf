"""The memory layout: torch storage whose rows are padded with zeros to whole vectors.

V symbols, H hidden units, T characters per window, B lanes: parallel streams of text, each with
its own hidden state. The padding stays zero, since every kernel maps zeros there to zeros. Whx is
stored transposed, so that a symbol's column is contiguous.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
import torch

from ..kernels.padding import block, padded
from ..kernels.products import ROWS
from ..kernels.team import ALONE, Team, portion
from ..kernels.tiles import CHAIN_BYTES
from .dropout import NO_DROPOUT, Dropout

NAMES = ("Whx", "Wha", "Wya", "bh", "by")
Rows = tuple[int, int]  # the first row and the end (exclusive)

TERMS = 64  # least number of terms (steps times streams) per block; products of fewer are slow


class Arrays(NamedTuple):
    """The parameters as kernels get them: NumPy views of the padded storage."""

    Wxh: np.ndarray  # (V, H) padded
    Wha: np.ndarray  # (H, H)
    Wya: np.ndarray  # (V, H)
    bh: np.ndarray  # (1, H)
    by: np.ndarray  # (1, V)
    a0: np.ndarray  # (1, H): an initial state that is learned; otherwise zero and unused
    all: np.ndarray  # (1, all of the five): the same memory as one row


class Workspace(NamedTuple):
    """Buffers for one window. Step t of stream b has the row t * B + b, B padded to whole tiles.

    Threads that compute a window together have one each, with the same arrays except those named in
    OWN. `lanes` is the first of the thread's streams and their number; the others are the begin and
    the end of its steps and streams (T B), hidden units and symbols.
    """

    inputs: np.ndarray  # (T B)
    targets: np.ndarray  # (T B)
    states: np.ndarray  # (T B + B, H); the first B rows are the initial states
    transposed_states: np.ndarray  # (H, T B): the states after each step of a block, transposed
    dz: np.ndarray  # (V, T B): logits, then probabilities, then the gradients of the logits
    scratch: np.ndarray  # (2, T B)
    square: np.ndarray  # a vector's worth of rows and columns, or more
    from_logits: np.ndarray  # (T B, H): Wyaᵀ dz
    carried: np.ndarray  # (B, H): Whaᵀ dh_{t+1}, carried back from the following step
    dh: np.ndarray  # (T B, H)
    steps: int  # time steps per block of a long window
    reach: np.ndarray  # (blocks, H): bound on how far a block can move the sums in a row of dWha
    reach_y: np.ndarray  # (blocks, V): the same for dWya
    rows: np.ndarray  # (ROWS, H): some rows of a gradient
    gradients: Arrays  # dWxh is zero between windows; dWha and dWya are used by long windows only
    used: np.ndarray  # (V,): the different symbols of the window
    transposed: np.ndarray  # (H, H): Wha transposed, for several streams
    dropout: Dropout
    iteration: np.ndarray  # (1,): whose masks dropout draws
    kept: np.ndarray  # (B, H): the recurrent masks of the window
    recurrent: np.ndarray  # as states, masked: what Wha reads; without a mask the states themselves
    read: np.ndarray  # likewise, what Wya reads; the initial states are not used
    team: Team
    lanes: Rows
    terms: Rows
    columns: Rows
    symbols: Rows


OWN = (
    "transposed",
    "transposed_states",
    "square",
    "rows",
    "used",
)  # buffers of which each thread has its own


def padded_lanes(lanes: int) -> int:
    """Round the number of streams up to whole tiles, except 1, for which there are own kernels."""
    return lanes if lanes == 1 else -(-lanes // ROWS) * ROWS


@dataclass(frozen=True)
class Storage:
    """The parameters in padded tensors, with views in the notebook's shapes.

    `memory` holds all of them in one row.
    """

    H: int
    V: int
    dtype: torch.dtype
    memory: torch.Tensor

    @classmethod
    def zeros(cls, H: int, V: int, dtype: torch.dtype) -> "Storage":
        return cls(H, V, dtype, torch.zeros(storage_size(H, V, dtype), dtype=dtype))

    @cached_property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Wxh, Wha, Wya, bh, by and a0, padded."""
        shapes = _shapes(self.H, self.V, self.dtype)
        parts = self.memory.split([math.prod(shape) for shape in shapes])
        return tuple(part.view(shape) for part, shape in zip(parts, shapes, strict=True))

    @property
    def Whx(self) -> torch.Tensor:  # noqa: N802
        return self.tensors[0].T[: self.H, : self.V]

    @property
    def Wha(self) -> torch.Tensor:  # noqa: N802
        return self.tensors[1][: self.H, : self.H]

    @property
    def Wya(self) -> torch.Tensor:  # noqa: N802
        return self.tensors[2][: self.V, : self.H]

    @property
    def bh(self) -> torch.Tensor:
        return self.tensors[3].T[: self.H]

    @property
    def by(self) -> torch.Tensor:
        return self.tensors[4].T[: self.V]

    @property
    def a0(self) -> torch.Tensor:
        return self.tensors[5].T[: self.H]

    def __iter__(self) -> Iterator[torch.Tensor]:
        """Iterate over the five views in the order Whx, Wha, Wya, bh, by."""
        return iter((self.Whx, self.Wha, self.Wya, self.bh, self.by))

    def copy(self) -> "Storage":
        return replace(self, memory=self.memory.clone())

    def fill(self, values: Iterable[torch.Tensor | np.ndarray], name: str) -> None:
        """Copy five tensors or arrays into the storage, converting them to its dtype.

        `name` is what error messages call them. Raises ValueError for a wrong number or shape and
        TypeError for values that are not real floating-point numbers.
        """
        given = [torch.as_tensor(value) for value in values]
        if len(given) != len(NAMES):
            raise ValueError(f"{name} must be the five of {', '.join(NAMES)}, got {len(given)}")
        for field, view, value in zip(NAMES, self, given, strict=True):
            if value.shape != view.shape:
                raise ValueError(
                    f"{name} must fit {self.H} hidden units and {self.V} symbols: expected "
                    f"{field} of shape {tuple(view.shape)}, got {tuple(value.shape)}"
                )
            if not value.is_floating_point():
                raise TypeError(f"{name} must hold floating-point numbers, got {value.dtype}")
        for view, value in zip(self, given, strict=True):
            view.copy_(value)

    def arrays(self) -> Arrays:
        arrays = [tensor.numpy() for tensor in self.tensors]
        row = self.memory[: self.memory.numel() - arrays[-1].size].view(1, -1).numpy()
        return Arrays._make([*arrays, row])


def _shapes(H: int, V: int, dtype: torch.dtype) -> tuple[tuple[int, int], ...]:
    h, v = padded(H, dtype), padded(V, dtype)
    return ((v, h), (h, h), (v, h), (1, h), (1, v), (1, h))


def storage_size(H: int, V: int, dtype: torch.dtype) -> int:
    """Return how many numbers a storage has."""
    return sum(math.prod(shape) for shape in _shapes(H, V, dtype))


def steps_of_block(lanes: int, dtype: torch.dtype) -> int:
    """Return the number of time steps per block: at least TERMS terms, in whole vectors."""
    B = padded_lanes(lanes)
    whole = math.lcm(B, block(dtype)) // B
    return -(-TERMS // (B * whole)) * whole


def workspace(
    H: int, V: int, T: int, lanes: int, dtype: torch.dtype, dropout: Dropout = NO_DROPOUT
) -> Workspace:
    """Allocate the buffers for windows of T characters in `lanes` parallel streams."""
    B = padded_lanes(lanes)
    h, v, n = padded(H, dtype), padded(V, dtype), padded(T * B, dtype)
    steps = steps_of_block(lanes, dtype)
    blocks = -(-T // steps)

    def array(*shape: int) -> np.ndarray:
        return torch.zeros(shape, dtype=dtype).numpy()

    states = array(T * B + B, h)
    return Workspace(
        inputs=np.zeros(T * B, np.int64),
        targets=np.zeros(T * B, np.int64),
        states=states,
        transposed_states=array(h, min(n, steps * B)),
        dz=array(v, n),
        scratch=array(2, n),
        square=array(block(dtype), block(dtype)),
        from_logits=array(n, h),
        carried=array(B, h),
        dh=array(n, h),
        steps=steps,
        reach=array(blocks, h),
        reach_y=array(blocks, v),
        rows=array(ROWS, h),
        gradients=Storage.zeros(H, V, dtype).arrays(),
        used=np.zeros(V, np.int64),
        transposed=array(h, h) if lanes > 1 else array(1, 1),
        dropout=dropout,
        iteration=np.zeros(1, np.int64),
        kept=array(B, h) if dropout.recurrent else array(1, 1),
        recurrent=np.zeros_like(states) if dropout.recurrent else states,
        read=np.zeros_like(states) if dropout.output else states,
        team=ALONE,
        lanes=(0, B),
        terms=(0, -(-T * B // block(dtype)) * block(dtype)),
        columns=(0, h),
        symbols=(0, v),
    )


def shared(work: Workspace, threads: int) -> list[Workspace]:
    """Return a workspace for each of some threads, whose portions are those of `work` divided.

    The portions are whole cache lines, so that no two threads write to the same. Every thread has a
    lone stream: there they divide the hidden units at every step.
    """
    B, line = len(work.carried), CHAIN_BYTES // work.dh.itemsize
    works = []
    for thread in range(threads):
        own = {name: torch.from_numpy(getattr(work, name)).clone().numpy() for name in OWN}
        first, end = portion(thread, threads, B, ROWS) if B > 1 else (0, 1)
        terms, columns, symbols = (
            portion(thread, threads, whole[1], line)
            for whole in (work.terms, work.columns, work.symbols)
        )
        portions = {"terms": terms, "columns": columns, "symbols": symbols}
        works.append(work._replace(lanes=(first, end - first), **portions, **own))
    return works
