"""Sampling text from a trained network: greedy, or drawn from its probabilities."""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from reference import Parameters, Vocabulary, forward_step, softmax

from ..errors import InputError
from ..settings import Settings
from ..text.decoding import Units

SAMPLE_LENGTH = 100  # characters of a sample during training, after its first


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How the next character is chosen from the predicted probabilities.

    Temperature 0 is greedy: the most probable character, the first one of equals. Above 0, the
    logits are divided by the temperature and a character is drawn, from the `top_k` most probable
    or from the fewest whose probabilities reach `top_p` (nucleus), if given.

    >>> Choice(temperature=0.7, top_k=40)

    Source: Holtzman et al. (2020), The Curious Case of Neural Text Degeneration, for the nucleus.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if self.temperature == 0.0 and (self.top_k, self.top_p) != (None, None):
            raise InputError("--top-k and --top-p draw, so they need a --temperature above 0")

    def choose(self, probabilities: Float[np.ndarray, " V"], rng: np.random.Generator) -> int:
        """Return the index of the next character."""
        if self.temperature == 0.0:
            return int(np.argmax(probabilities))
        with np.errstate(divide="ignore", over="ignore"):
            logs = np.log(probabilities)
            logits = logs / self.temperature
            if logits.max() == -np.inf:  # so low a temperature that even the largest is too large
                logits = (logs - logs.max()) / self.temperature
        weights = np.exp(logits - logits.max())
        order = np.argsort(-weights, kind="stable")
        weights = weights[order] / weights.sum()
        kept = len(weights) if self.top_k is None else min(self.top_k, len(weights))
        if self.top_p is not None:
            kept = min(kept, 1 + int(np.searchsorted(np.cumsum(weights), self.top_p)))
        reached = np.cumsum(weights[:kept])
        place = int(np.searchsorted(reached, rng.random() * reached[-1], side="right"))
        return int(order[min(place, kept - 1)])


def write(
    parameters: Parameters,
    vocabulary: Vocabulary,
    initial_state: Float[np.ndarray, "H 1"],
    prime: str | None,
    length: int,
    choice: Choice,
    rng: np.random.Generator,
) -> Iterator[str]:
    """Yield the prime and then `length` characters one by one, starting from `initial_state`.

    Without a prime, the first character is drawn uniformly.

    Raises InputError for a prime that is empty or has characters outside the vocabulary, and for
    weights that give probabilities which aren't finite.
    """
    if prime is None:
        prime = vocabulary.symbols[rng.integers(len(vocabulary))]
    if not prime:
        raise InputError("the prime must have at least one character, got an empty text")
    try:
        read = vocabulary.encode(prime)
    except ValueError as error:
        raise InputError(f"the prime can't be read: {error}") from error
    yield prime
    *earlier, last = read
    state = initial_state
    for index in earlier:
        state, _ = _step(parameters, index, state)
    yield from generate(parameters, vocabulary, state, last, length, choice, rng)


def generate(
    parameters: Parameters,
    vocabulary: Vocabulary,
    state: Float[np.ndarray, "H 1"],
    last: int | np.integer,
    length: int,
    choice: Choice,
    rng: np.random.Generator,
) -> Iterator[str]:
    """Yield `length` characters that follow the symbol `last`, read in hidden state `state`.

    Raises InputError for weights that give probabilities which aren't finite.
    """
    for _ in range(length):
        state, probabilities = _step(parameters, last, state)
        last = choice.choose(probabilities, rng)
        yield vocabulary.symbols[last]


def during_training(
    parameters: Iterable[Any],
    vocabulary: Vocabulary,
    state: Any,
    last: int,
    settings: Settings,
    iteration: int,
) -> str:
    """Return the symbol `last`, read in hidden state `state`, and what a run writes after it.

    `parameters` and `state` (H, 1) may be arrays or tensors. The draws depend on seed and iteration
    alone.
    """
    weights = Parameters(*(np.asarray(value).astype(np.float64) for value in parameters))
    choice = Choice(temperature=settings.sample_temperature)
    rng = np.random.default_rng([settings.seed, iteration])
    start = np.asarray(state).astype(np.float64)
    written = generate(weights, vocabulary, start, last, SAMPLE_LENGTH, choice, rng)
    return vocabulary.symbols[last] + "".join(written)


def as_bytes(prime: bytes, vocabulary: Vocabulary) -> str:
    """Return a prime as the symbols of a run on bytes: byte b is the character chr(b).

    Raises InputError that names the bytes which the run has never seen.
    """
    text = prime.decode("latin-1")
    missing = sorted(set(text) - set(vocabulary.symbols))
    if missing:
        named = ", ".join(f"0x{ord(symbol):02x}" for symbol in missing)
        raise InputError(f"the prime has bytes that the run never saw: {named}")
    return text


def readable(pieces: Iterable[str], units: Units) -> Iterator[str]:
    r"""Return a run's symbols as readable text.

    Bytes are decoded as UTF-8; invalid ones become U+FFFD.

    >>> "".join(readable(["fa", "\xc3", "\xa7", "ade"], "bytes"))
    'façade'
    """
    if units == "characters":
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece in pieces:
        yield decoder.decode(piece.encode("latin-1"))
    yield decoder.decode(b"", final=True)


def _step(
    parameters: Parameters, index: int | np.integer, state: Float[np.ndarray, "H 1"]
) -> tuple[Float[np.ndarray, "H 1"], Float[np.ndarray, " V"]]:
    try:
        state, logits = forward_step(parameters, parameters.Whx[:, index : index + 1], state)
        probabilities = softmax(logits)
    except FloatingPointError as error:
        raise InputError(str(error)) from error
    return state, probabilities[:, 0]
