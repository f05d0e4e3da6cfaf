# pyright: reportMissingImports=false
"""A layer's forward and backward pass in JAX, compiled as a whole with a scan over time steps.

The backward pass is the scan's own, or written by hand: only the signal goes through a scan in
reverse, and the gradients of the weights are one product each after it.
"""

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


@jax.jit
def both_by_hand(
    signals: jax.Array, inputs: jax.Array, Wih: jax.Array, Whh: jax.Array, bias: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, ...]]:
    """Return the states and the gradients of the other four arguments."""
    states = states_of(inputs, Wih, Whh, bias)
    first = jnp.zeros_like(states[:1])

    def retreat(after: jax.Array, step: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        signal, state = step
        dh = (1 - state * state) * (signal + after @ Whh)
        return dh, dh

    _, dh = lax.scan(retreat, first[0], (signals, states), reverse=True)
    rows = dh.reshape(-1, dh.shape[-1])
    before = jnp.concatenate([first, states[:-1]]).reshape(rows.shape)
    of_Wih = rows.T @ inputs.reshape(len(rows), -1)
    return states, (dh @ Wih, of_Wih, rows.T @ before, rows.sum(axis=0))


class Scan(Layer):
    """Forward and backward pass in one compiled call."""

    both = staticmethod(both)

    def __init__(self, problem: LayerProblem) -> None:
        super().__init__(problem)
        numbers = problem.numbers()
        names = ("signals", "inputs", "Wih", "Whh", "bias")
        self.arguments = [jnp.asarray(numbers[name]) for name in names]

    def run(self, units: int) -> None:
        for _ in range(units):
            jax.block_until_ready(self.both(*self.arguments))

    def results(self) -> list[np.ndarray]:
        states, gradients = self.both(*self.arguments)
        return [np.asarray(array) for array in (states, *gradients)]


class ByHand(Scan):
    """The same with the backward pass written by hand."""

    both = staticmethod(both_by_hand)
