# pyright: reportMissingImports=false
"""Sampling compiled by JAX, the whole text in one call."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.problems.sampling import Sampler, SamplingProblem

jax.config.update("jax_enable_x64", True)

LONGEST = 1_000_000  # characters per call


@jax.jit
def write(weights: Any, state: jax.Array, first: int, length: int) -> jax.Array:
    """Return the indices of `length` characters after the first, in an array of LONGEST."""
    Whx, Wha, Wya, bh, by = weights
    columns = Whx.T

    def body(n: int, carry: tuple[Any, ...]) -> tuple[Any, ...]:
        state, index, written = carry
        state = jnp.tanh(Wha @ state + columns[index] + bh)
        index = jnp.argmax(Wya @ state + by)
        return state, index, written.at[n].set(index)

    written = jnp.zeros(LONGEST, jnp.int64)
    return lax.fori_loop(0, length, body, (state, jnp.asarray(first), written))[2]


class Loop(Sampler):
    """A compiled loop whose length is an argument, so that it is compiled once."""

    def __init__(self, problem: SamplingProblem) -> None:
        super().__init__(problem)
        start = problem.training.start
        Whx, Wha, Wya, bh, by = (jnp.asarray(value) for value in start.parameters)
        self.weights = (Whx, Wha, Wya, bh[:, 0], by[:, 0])
        self.state = jnp.asarray(start.hidden[:, 0])

    def write(self, length: int) -> str:
        if length > LONGEST:
            raise ValueError(f"length must be at most {LONGEST}, got {length}")
        symbols = self.problem.training.symbols
        first = symbols.index(self.problem.first)
        indices = np.asarray(write(self.weights, self.state, first, length)[:length])
        return symbols[first] + "".join(symbols[index] for index in indices)
