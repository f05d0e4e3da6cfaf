"""Let the network write: greedily, each character its most probable next one."""

import numpy as np
from jaxtyping import Float

from .loss import softmax
from .rnn import Parameters, forward_step
from .vocabulary import Vocabulary


def generate(
    parameters: Parameters,
    vocabulary: Vocabulary,
    state: Float[np.ndarray, "H 1"],
    start: str | Float[np.ndarray, " V"] | None = None,
    length: int = 100,
    rng: np.random.Generator | None = None,
) -> str:
    """Return the first character and `length` more.

    The first is the last one of `start`, or the largest entry of `start` where that is an input
    vector, or else drawn at random. Where several characters are equally probable, all of them
    are fed back at once and the first is written.

    Raises ValueError for an empty start, one outside the vocabulary, or a negative length.
    """
    if length < 0:
        raise ValueError(f"length must be at least 0, got {length}")
    vector = _first_input(vocabulary, start, rng or np.random.default_rng())
    written = [vector]
    x = vector[:, None]
    for _ in range(length):
        state, z = forward_step(parameters, parameters.Whx @ x, state)
        p = softmax(z)
        x = (p == p.max()).astype(np.float64)
        written.append(p[:, 0])
    return vocabulary.decode_one_hot(np.array(written))


def _first_input(
    vocabulary: Vocabulary, start: str | Float[np.ndarray, " V"] | None, rng: np.random.Generator
) -> Float[np.ndarray, " V"]:
    V = len(vocabulary)
    if start is None:
        start = vocabulary.symbols[rng.integers(V)]
    if isinstance(start, np.ndarray):
        if start.shape != (V,):
            raise ValueError(f"start must be of shape {(V,)}, got {tuple(start.shape)}")
        return start
    if not start:
        raise ValueError("start must have at least one character, got an empty text")
    return vocabulary.encode_one_hot(start)[-1]
