"""Text from a trained run: the most probable next character, or one drawn."""

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from reference import Parameters, Vocabulary, forward_step, softmax

from ..errors import InputError
from ..text.decoding import Units


@dataclass(frozen=True, kw_only=True)
class Choice:
    """How the next character is chosen from its probabilities.

    `temperature` 0 takes the most probable (the first, where several are); above it, the logits
    are divided by it and one is drawn, from the `top_k` most probable or from the fewest whose
    probabilities reach `top_p` (nucleus), where given.

    Source: Holtzman et al. (2020), The Curious Case of Neural Text Degeneration, for the nucleus.
    """

    temperature: float = 0.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if self.temperature == 0.0 and (self.top_k, self.top_p) != (None, None):
            raise InputError("--top-k and --top-p draw, so they need a --temperature above 0")

    def choose(self, probabilities: Float[np.ndarray, " V"], rng: np.random.Generator) -> int:
        if self.temperature == 0.0:
            return int(np.argmax(probabilities))
        with np.errstate(divide="ignore"):
            logits = np.log(probabilities) / self.temperature
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
    """Yield the prime and then `length` characters one by one, from this state.

    Without a prime, the first character is drawn.

    Raises InputError for a prime that is empty or has characters outside the vocabulary, and for
    weights that lead out of the numbers.
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
    yield from go_on(parameters, vocabulary, state, last, length, choice, rng)


def go_on(
    parameters: Parameters,
    vocabulary: Vocabulary,
    state: Float[np.ndarray, "H 1"],
    last: int | np.integer,
    length: int,
    choice: Choice,
    rng: np.random.Generator,
) -> Iterator[str]:
    """Yield `length` characters that follow the symbol `last`, read in this state.

    Raises InputError for weights that lead out of the numbers.
    """
    for _ in range(length):
        state, probabilities = _step(parameters, last, state)
        last = choice.choose(probabilities, rng)
        yield vocabulary.symbols[last]


def as_bytes(prime: bytes, vocabulary: Vocabulary) -> str:
    """Give a prime as symbols of a run on bytes: a byte b is the character chr(b).

    Raises InputError that names the bytes which the run has never seen.
    """
    text = prime.decode("latin-1")
    missing = sorted(set(text) - set(vocabulary.symbols))
    if missing:
        named = ", ".join(f"0x{ord(symbol):02x}" for symbol in missing)
        raise InputError(f"the prime has bytes that the run never saw: {named}")
    return text


def readable(pieces: Iterable[str], units: Units) -> Iterator[str]:
    r"""Give a run's symbols as text for people.

    Bytes are read as UTF-8; what isn't becomes U+FFFD.

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
