# pyright: reportMissingImports=false
"""A layer's forward and backward pass in JAX, compiled as a whole with a scan over time steps."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.problems.layer import Layer, LayerProblem

jax.config.update("jax_enable_x64", True)


def states_of(inputs: jax.Array, Wih: jax.Array, Whh: jax.Array, bias: jax.Array) -> jax.Array:
    """Return all states; the input products are computed in one product before the scan."""

    def advance(state: jax.Array, from_input: jax.Array) -> tuple[jax.Array, jax.Array]:
        state = jnp.tanh(from_input + state @ Whh.T)
        return state, state

    first = jnp.zeros(inputs.shape[1:], inputs.dtype)
    return lax.scan(advance, first, inputs @ Wih.T + bias)[1]


@jax.jit
def both(signals: jax.Array, *arguments: jax.Array) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """Return the states and the gradients of the four arguments of states_of."""
    states, pull_back = jax.vjp(states_of, *arguments)
    return states, pull_back(signals)


class Scan(Layer):
    """Forward and backward pass in one compiled call."""

    def __init__(self, problem: LayerProblem) -> None:
        super().__init__(problem)
        numbers = problem.numbers()
        names = ("signals", "inputs", "Wih", "Whh", "bias")
        self.arguments = [jnp.asarray(numbers[name]) for name in names]

    def run(self, units: int) -> None:
        for _ in range(units):
            jax.block_until_ready(both(*self.arguments))

    def results(self) -> list[np.ndarray]:
        states, gradients = both(*self.arguments)
        return [np.asarray(array) for array in (states, *gradients)]
