"""The loss of a whole text, read by compiled code as one stream in the order of its characters.

V symbols, H hidden units, N characters of text.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from ..kernels.compiled import kernel
from .forward import run_forward
from .network import Network

STRETCH = 512  # characters a call; it changes the rounding only
NOTHING = -1  # in place of an index: no input, or a target that isn't scored


@kernel
def score(weights, work, T, H, V):
    """Compute the states of the window in `work`, of one lane; return its loss in nats."""
    return run_forward(weights, work, T, 1, H, V)


def text_loss(
    parameters: Iterable[Any],
    text: np.ndarray,
    initial_state: np.ndarray,
    *,
    window: int | None = None,
) -> float:
    """Return the loss in nats of a text (N,) read from an initial state (H, 1).

    With `window`, the text is read in whole windows of that many predicted characters, each from
    the initial state; what is left over at its end isn't read.

    An index of V stands for a character that the network has no symbol for: it is read as a zero
    input and not scored. `parameters` are the five of any engine, of one dtype, float32 or float64.
    A loss that isn't finite is returned, not raised.
    """
    given = [torch.as_tensor(np.asarray(value)) for value in parameters]
    H, V = given[0].shape
    end = len(text) - 1
    stream = end if window is None else window
    stretch = STRETCH if window is None else min(STRETCH, window)
    network = Network(
        given,
        vocab_size=V,
        hidden_size=H,
        seq_length=stretch,
        lanes=1,
        dtype=given[0].dtype,
    )
    work, weights = network.work, network.weights.arrays()
    total = 0.0
    for begin in range(0, end - stream + 1, stream) if end > 0 else ():
        work.states[0, :H] = initial_state[:, 0]
        for start in range(begin, begin + stream, stretch):
            T = min(stretch, begin + stream - start)
            read = np.asarray(text[start : start + T + 1]).astype(np.int64)
            read[read == V] = NOTHING
            work.inputs[:T], work.targets[:T] = read[:-1], read[1:]
            work.inputs[T:], work.targets[T:] = NOTHING, NOTHING
            total += score(weights, work, stretch, H, V)
            work.states[0] = work.states[stretch]
    return total
