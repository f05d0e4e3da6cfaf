"""Text from a trained run: the most probable next character, or one drawn."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from reference import Parameters, Vocabulary, forward_step

from .errors import InputError


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
    prime: str | None,
    length: int,
    choice: Choice,
    rng: np.random.Generator,
) -> Iterator[str]:
    """Yield the prime and then `length` characters one by one, from a zero state.

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
        raise InputError(str(error)) from error
    yield prime
    state, probabilities = np.zeros_like(parameters.bh), np.empty(0)
    for index in read:
        state, probabilities = _step(parameters, index, state)
    for _ in range(length):
        index = choice.choose(probabilities, rng)
        yield vocabulary.symbols[index]
        state, probabilities = _step(parameters, index, state)


def _step(
    parameters: Parameters, index: int | np.integer, state: Float[np.ndarray, "H 1"]
) -> tuple[Float[np.ndarray, "H 1"], Float[np.ndarray, " V"]]:
    try:
        state, probabilities = forward_step(parameters, parameters.Whx[:, index : index + 1], state)
    except FloatingPointError as error:
        raise InputError(str(error)) from error
    return state, probabilities[:, 0]
