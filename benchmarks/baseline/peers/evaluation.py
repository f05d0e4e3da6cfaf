"""The loss of a text under a network, counted in three ways.

N characters of text, V symbols, B lanes. A symbol of V is unknown: it is read as a zero input and
not predicted, as in `bptt eval`.
"""

import numpy as np
import torch
from jaxtyping import Int, Integer
from torch import Tensor
from torch.nn.functional import cross_entropy

from .networks import Network, State

STRETCH = 64  # time steps evaluated at once; affects only the memory needed
SECTIONS, WARM_UP = 64, 4 * STRETCH  # of `estimate`
LANES = 64  # windows that are evaluated side by side


def _nats(
    network: Network, symbols: Int[Tensor, "T B"], state: State, skip: int = 0
) -> tuple[float, int]:
    """Return the loss of all known symbols after the first 1 + `skip`, and their number."""
    V, nats, counted = network.vocab_size, 0.0, 0
    for start in range(0, len(symbols) - 1, STRETCH):
        if 0 < start == skip:  # the first section has nothing before it
            for one in (tensor for layer in state for tensor in layer):
                one.narrow(-2, 0, 1).zero_()
        piece = symbols[start : start + STRETCH + 1]
        logits, state = network(piece[:-1], state)
        targets = piece[1:].clone()
        targets[: max(0, skip - start)] = V
        wide = logits.flatten(0, 1).double()
        nats += cross_entropy(wide, targets.flatten(), reduction="sum", ignore_index=V).item()
        counted += int((targets < V).sum())
    return nats, counted


@torch.no_grad()
def one_stream(network: Network, text: Integer[np.ndarray, " N"]) -> tuple[float, int]:
    """Read the text as one stream from a zero state, as `bptt eval` does.

    Returns nats a character, and how many were predicted. Raises ValueError if none can be.
    """
    symbols = torch.from_numpy(np.asarray(text, np.int64))[:, None]
    return _mean(*_nats(network, symbols, network.start(1)))


@torch.no_grad()
def estimate(network: Network, text: Integer[np.ndarray, " N"]) -> float:
    """Return nats a character, nearly those of `one_stream` in a fraction of the time.

    SECTIONS sections are read side by side, each after the WARM_UP characters before it; of a text
    shorter than SECTIONS times WARM_UP, some are read after too few. Raises ValueError if no
    character can be predicted.
    """
    length = -(-max(0, len(text) - 1) // SECTIONS)
    padded = np.full(WARM_UP + length * SECTIONS + 1, network.vocab_size, np.int64)
    padded[WARM_UP : WARM_UP + len(text)] = text
    columns = [padded[s * length : (s + 1) * length + WARM_UP + 1] for s in range(SECTIONS)]
    symbols = torch.from_numpy(np.stack(columns, axis=1))
    return _mean(*_nats(network, symbols, network.start(SECTIONS), skip=WARM_UP))[0]


@torch.no_grad()
def windows(network: Network, text: Integer[np.ndarray, " N"], length: int) -> float:
    """Return nats a character over windows of `length`, each read from a zero state.

    The windows follow each other without overlap, and each character of one is the input whose
    successor is predicted; a remainder is dropped. nanoGPT counts so, but draws windows at random.

    Raises ValueError for a text shorter than a window and its last target.
    """
    number = (len(text) - 1) // length
    if number < 1:
        raise ValueError(f"the text must have at least {length + 1} characters, got {len(text)}")
    numbers = np.asarray(text, np.int64)
    total, counted = 0.0, 0
    for first in range(0, number, LANES):
        starts = [k * length for k in range(first, min(first + LANES, number))]
        symbols = torch.from_numpy(np.stack([numbers[s : s + length + 1] for s in starts], axis=1))
        nats, known = _nats(network, symbols, network.start(len(starts)))
        total, counted = total + nats, counted + known
    return _mean(total, counted)[0]


def _mean(nats: float, counted: int) -> tuple[float, int]:
    if counted == 0:
        raise ValueError("the text must have a known character after its first, and has none")
    return nats / counted, counted
