"""One window's loss and gradients, computed by the engine's kernels; lockstep tests compare them.

V symbols, H hidden units, T characters in the window, B lanes (parallel streams).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from .dropout import NO_DROPOUT, Dropout
from .layout import NAMES, Storage
from .network import Network


@dataclass(frozen=True, slots=True)
class Window:
    """The result of differentiate_window.

    `loss` is in nats, summed over steps and streams; `gradients` are the steps' contributions
    summed with the running clip; `final_state` is the state after the window, (H, B).
    """

    loss: float
    gradients: Storage
    final_state: torch.Tensor


def differentiate_window(
    parameters: Iterable[torch.Tensor | np.ndarray],
    inputs: torch.Tensor | np.ndarray,
    targets: torch.Tensor | np.ndarray,
    initial_state: torch.Tensor | np.ndarray,
    clip: float | None = 5.0,
    *,
    dropout: Dropout = NO_DROPOUT,
    iteration: int = 1,
) -> Window:
    """Run one window forward and backward.

    `inputs` and `targets` are (T,) for a single stream or (T, B) for B parallel ones,
    `initial_state` is (H, B). A step's contributions are summed over the streams before the
    running clip, whose bound is `clip` (None: plain backpropagation through time). Computes in the
    parameters' dtype, float32 or float64. With `dropout`, the masks are those of an `iteration` of
    training. A loss that is not finite is returned, not raised.

    Raises ValueError for sizes that don't fit, an empty window, no streams, an index outside the
    vocabulary, a negative clip or a dropout outside [0, 1); TypeError for other or mixed dtypes.

    Example:
        window = differentiate_window(parameters, inputs, targets, torch.zeros(H, 1))
        window.gradients.Wha  # (H, H)
    """
    given = [torch.as_tensor(value) for value in parameters]
    state = torch.as_tensor(initial_state)
    dtype = common_dtype([*given, state])
    if len(given) != len(NAMES) or given[0].ndim != 2:
        raise ValueError(f"parameters must be the five of {', '.join(NAMES)}, Whx of shape (H, V)")
    H, V = given[0].shape
    if H == 0 or V == 0:
        raise ValueError(f"a network needs a hidden unit and a symbol, got Whx of {(H, V)}")
    x, y = checked_indices(inputs, "inputs", V), checked_indices(targets, "targets", V)
    if x.shape != y.shape or x.ndim not in (1, 2) or x.size == 0:
        raise ValueError(
            f"inputs and targets must be of one shape, (T,) or (T, B) with T and B at least 1, "
            f"got {x.shape} and {y.shape}"
        )
    x, y = x.reshape(len(x), -1), y.reshape(len(y), -1)
    T, B = x.shape
    if state.shape != (H, B):
        raise ValueError(f"initial_state must be of shape {(H, B)}, got {tuple(state.shape)}")
    bound = checked_clip(clip)

    sizes = {"vocab_size": V, "hidden_size": H, "seq_length": T, "lanes": B}
    network = Network(given, **sizes, dtype=dtype, dropout=checked_dropout(dropout))
    loss = network.differentiate(x, y, state.detach(), bound, iteration)
    return Window(loss, network.gradients, network.final_state)


def common_dtype(tensors: list[torch.Tensor]) -> torch.dtype:
    """Return the tensors' common dtype; raise TypeError unless all are float32 or all float64."""
    kinds = {tensor.dtype for tensor in tensors}
    if len(kinds) != 1 or not kinds <= {torch.float32, torch.float64}:
        raise TypeError(
            f"expected one dtype, torch.float32 or torch.float64, "
            f"got {', '.join(sorted(map(str, kinds)))}"
        )
    return kinds.pop()


def checked_clip(clip: float | None) -> float:
    """Return the clip as a number, inf for None; raise ValueError if it is negative or NaN."""
    if clip is not None and not clip >= 0.0:
        raise ValueError(f"clip must be None or a number of at least 0, got {clip}")
    return math.inf if clip is None else float(clip)


def checked_dropout(dropout: Dropout) -> Dropout:
    """Return the dropout; raise ValueError for a rate outside [0, 1) or a seed outside 32 bits."""
    for name in ("output", "recurrent"):
        rate = getattr(dropout, name)
        if not 0.0 <= rate < 1.0:
            raise ValueError(f"dropout must be at least 0 and below 1, got {name} {rate}")
    if not 0 <= dropout.seed < 2**32:
        raise ValueError(f"the seed of dropout must lie in 0..2**32 - 1, got {dropout.seed}")
    return Dropout(float(dropout.output), float(dropout.recurrent), int(dropout.seed))


def checked_indices(indices: torch.Tensor | np.ndarray, name: str, V: int) -> np.ndarray:
    """Return a copy in int64.

    Raises TypeError unless they are integers, ValueError for one outside 0..V-1.
    """
    array = np.asarray(indices)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must be whole numbers, got {array.dtype}")
    outside = (array < 0) | (array >= V)
    if outside.any():
        position = tuple(int(axis) for axis in np.argwhere(outside)[0])
        raise ValueError(
            f"{name} must lie in 0..{V - 1} (vocabulary of {V}), got {array[position]} "
            f"at position {position[0] if len(position) == 1 else position}"
        )
    return np.array(array, np.int64, order="C")
