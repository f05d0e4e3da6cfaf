"""Text from a trained run."""

import numpy as np

from reference import Parameters, Vocabulary, forward, generate, input_to_target

from .errors import InputError


def write(
    parameters: Parameters, vocabulary: Vocabulary, prime: str | None, length: int, seed: int
) -> str:
    """Return the prime and `length` characters that follow it, from a zero state.

    Without a prime, the first character is drawn with the seed.

    Raises InputError for a prime that is empty or has characters outside the vocabulary, and for
    weights that lead out of the numbers.
    """
    state = np.zeros_like(parameters.bh)
    try:
        if prime is not None:
            indices = vocabulary.encode(prime)
            if len(indices) > 1:
                state = forward(
                    parameters, indices[:-1], input_to_target(indices), state
                ).final_state
        written = generate(
            parameters, vocabulary, state, prime, length, np.random.default_rng(seed)
        )
    except (ValueError, FloatingPointError) as error:
        raise InputError(str(error)) from error
    return (prime or "")[:-1] + written
