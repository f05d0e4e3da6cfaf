"""Evaluation: the bits per character of a text, read as one stream or in windows without a past.

N characters of text, V symbols, H hidden units.
"""

import math
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np
from jaxtyping import Float, Integer
from pydantic import Field

from ..strict import Strict

STRETCH = 512  # characters whose logits are computed at once; it changes the rounding only
WINDOW = 256  # characters predicted in a window, by default: nanoGPT's block_size
SIDE_BY_SIDE = 1024  # windows that NumPy reads at once; it changes the rounding only


class Evaluation(Strict):
    """The cross-entropy of a text in bits per character.

    `bits_per_character` is the mean over the `scored` characters, each predicted from all before
    it; the first has nothing before it. The `unseen` ones, which the network has no symbol for, are
    skipped and counted: they are read as a zero input.
    """

    bits_per_character: float
    scored: int = Field(ge=0)
    unseen: int = Field(ge=0)

    @property
    def nats_per_character(self) -> float:
        return self.bits_per_character * math.log(2)


def evaluate(
    parameters: Iterable[Any],
    indices: Integer[np.ndarray, " N"],
    initial_state: Float[np.ndarray, "H 1"] | None = None,
    *,
    engine: str = "numpy",
) -> Evaluation:
    """Evaluate a whole text from the initial state (zero by default), in the weights' own dtype.

    `parameters`, in the order Whx, Wha, Wya, bh, by, may be any engine's; an index of V stands for
    an unseen character. `engine` is the one that computes: fast, or else NumPy.

    Raises ValueError if no character can be scored, FloatingPointError if the loss isn't finite.

    >>> evaluate(training.parameters, vocabulary.encode(text)).bits_per_character
    2.31
    """
    return _evaluate(parameters, indices, initial_state, engine, None)


def evaluate_windows(
    parameters: Iterable[Any],
    indices: Integer[np.ndarray, " N"],
    initial_state: Float[np.ndarray, "H 1"] | None = None,
    *,
    window: int = WINDOW,
    engine: str = "numpy",
) -> Evaluation:
    """Evaluate a text in windows that don't overlap, each read from the initial state.

    The window from character s on reads `window` characters, s to s + window - 1, and predicts
    s + 1 to s + window; the next one begins at s + window. So every character but the first is
    predicted once, up to the last whole window; the remaining characters are not scored. The
    result is the mean over the scored characters of all windows. nanoGPT estimates this mean from
    windows at random places (train.py, estimate_loss); here are all of them, in order.

    All else is as in `evaluate`. Raises ValueError also for a text shorter than window + 1.
    """
    if window < 1:
        raise ValueError(f"a window must have at least 1 character, got {window}")
    whole = (len(indices) - 1) // window * window
    if whole < 1:
        raise ValueError(
            f"windows of {window} need a text of at least {window + 1} characters, "
            f"got {len(indices)}"
        )
    return _evaluate(parameters, indices[: whole + 1], initial_state, engine, window)


def _evaluate(
    parameters: Iterable[Any],
    indices: Integer[np.ndarray, " N"],
    initial_state: Float[np.ndarray, "H 1"] | None,
    engine: str,
    window: int | None,
) -> Evaluation:
    weights = [np.ascontiguousarray(value) for value in parameters]
    V, H = weights[2].shape
    state = np.zeros((H, 1), weights[0].dtype) if initial_state is None else initial_state
    scored = int(np.count_nonzero(np.asarray(indices[1:]) < V))
    if scored == 0:
        raise ValueError(
            f"nothing to score: of {len(indices)} characters, none but the first is known"
        )
    if engine == "fast" and has_numba():
        from torch_impl.fast.evaluation import text_loss

        total = text_loss(weights, indices, state, window=window)
    elif window is None:
        total = _text_loss(weights, indices, state)
    else:
        total = _windows_loss(weights, indices, state, window)
    if not math.isfinite(total):
        raise FloatingPointError(f"the loss of the text must be a finite number, got {total}")
    unseen = int(np.count_nonzero(indices == V))
    return Evaluation(bits_per_character=total / scored / math.log(2), scored=scored, unseen=unseen)


@cache
def has_numba() -> bool:
    """Return whether the compiled engine can be used."""
    return find_spec("numba") is not None


def _text_loss(
    weights: list[np.ndarray], indices: Integer[np.ndarray, " N"], initial_state: np.ndarray
) -> float:
    """Return the loss in nats, by NumPy's matrix products."""
    Whx, Wha, Wya, bh, by = weights
    V, H = Wya.shape
    from_symbol = np.vstack([Whx.T, np.zeros((1, H), Whx.dtype)]) + bh.T
    state = np.array(initial_state)[:, 0]
    nats: list[float] = []
    for start in range(0, len(indices) - 1, STRETCH):
        stretch = np.asarray(indices[start : start + STRETCH + 1])
        from_input = from_symbol[stretch[:-1]]
        states = np.empty_like(from_input)
        seen = np.flatnonzero(stretch[1:] < V)
        with np.errstate(over="ignore", invalid="ignore"):  # the caller looks at the loss
            for t, step in enumerate(from_input):
                np.matmul(Wha, state, out=states[t])
                states[t] += step
                state = np.tanh(states[t], out=states[t])
            nats.append(_loss(states[seen] @ Wya.T + by.T, stretch[1:][seen]))
    return sum(nats)  # math.fsum would raise for infinities of both signs


def _windows_loss(
    weights: list[np.ndarray],
    indices: Integer[np.ndarray, " N"],
    initial_state: np.ndarray,
    window: int,
) -> float:
    """Return the loss in nats of whole windows, SIDE_BY_SIDE of them at once, a step at a time."""
    Whx, Wha, Wya, bh, by = weights
    V, H = Wya.shape
    from_symbol = np.vstack([Whx.T, np.zeros((1, H), Whx.dtype)]) + bh.T
    total, block = 0.0, SIDE_BY_SIDE * window
    for start in range(0, len(indices) - 1, block):
        read = np.asarray(indices[start : start + block + 1])
        inputs, targets = (part.reshape(-1, window) for part in (read[:-1], read[1:]))
        states = np.repeat(np.asarray(initial_state, Wha.dtype).T, len(inputs), axis=0)
        with np.errstate(over="ignore", invalid="ignore"):  # the caller looks at the loss
            for t in range(window):
                states = np.tanh(states @ Wha.T + from_symbol[inputs[:, t]])
                seen = np.flatnonzero(targets[:, t] < V)
                total += _loss(states[seen] @ Wya.T + by.T, targets[seen, t])
    return total


def _loss(logits: Float[np.ndarray, "n V"], targets: Integer[np.ndarray, " n"]) -> float:
    """Return the sum over rows in nats, each row's largest logit subtracted first."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(targets)), targets]
    return float(losses.sum(dtype=np.float64))
