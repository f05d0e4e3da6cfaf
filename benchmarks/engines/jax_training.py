# pyright: reportMissingImports=false
"""Training compiled by JAX: one iteration per call, or the whole loop.

The input products are one gather before the scan and the logits one product after it, which is
faster than computing either in each step. The clip acts on the complete gradient; epsilon is
inside the root.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from benchmarks.problems.training import Problem, State, Trainer
from reference import Parameters
from reference.adagrad import EPSILON

jax.config.update("jax_enable_x64", True)

LONGEST = 100_000  # iterations per call of the loop: the size of its buffer of losses

Weights = tuple[jax.Array, ...]
Carry = tuple[Weights, Weights, jax.Array, jax.Array]  # weights, sums, hidden state, position


def window_loss(
    weights: Weights, inputs: jax.Array, targets: jax.Array, hidden: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the window's loss in nats and the state after it."""
    Whx, Wha, Wya, bh, by = weights

    def advance(state: jax.Array, from_input: jax.Array) -> tuple[jax.Array, jax.Array]:
        state = jnp.tanh(Wha @ state + from_input)
        return state, state

    final, states = lax.scan(advance, hidden, Whx.T[inputs] + bh)
    logits = states @ Wya.T + by
    log_p = jax.nn.log_softmax(logits)
    return -log_p[jnp.arange(len(targets)), targets].sum(), final


def by_autodiff(
    weights: Weights, inputs: jax.Array, targets: jax.Array, hidden: jax.Array
) -> tuple[tuple[jax.Array, jax.Array], Weights]:
    """Return the window's loss in nats and the state after it, and the gradients."""
    return jax.value_and_grad(window_loss, has_aux=True)(weights, inputs, targets, hidden)


def by_hand(
    weights: Weights, inputs: jax.Array, targets: jax.Array, hidden: jax.Array
) -> tuple[tuple[jax.Array, jax.Array], Weights]:
    """Return what by_autodiff does, with the backward pass written by hand.

    Only the signal goes through a scan in reverse; the gradients are products after it.
    """
    Whx, Wha, Wya, bh, by = weights

    def advance(state: jax.Array, from_input: jax.Array) -> tuple[jax.Array, jax.Array]:
        state = jnp.tanh(Wha @ state + from_input)
        return state, state

    final, states = lax.scan(advance, hidden, Whx.T[inputs] + bh)
    log_p = jax.nn.log_softmax(states @ Wya.T + by)
    steps = jnp.arange(len(targets))
    loss = -log_p[steps, targets].sum()
    dz = jnp.exp(log_p).at[steps, targets].add(-1.0)

    def retreat(after: jax.Array, step: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        signal, state = step
        dh = (1 - state * state) * (signal + after @ Wha)
        return dh, dh

    _, dh = lax.scan(retreat, jnp.zeros_like(hidden), (dz @ Wya, states), reverse=True)
    before = jnp.concatenate([hidden[None], states[:-1]])
    dWhx = jnp.zeros_like(Whx.T).at[inputs].add(dh).T
    return (loss, final), (dWhx, dh.T @ before, dz.T @ states, dh.sum(axis=0), dz.sum(axis=0))


def iterate(
    text: jax.Array, carry: Carry, *, differentiate: Any, T: int, rate: float, clip: float
) -> tuple[Carry, jax.Array]:
    """Run one iteration; also return its loss in nats."""
    weights, sums, hidden, position = carry
    wraps = position + T + 1 > len(text)
    position = jnp.where(wraps, 0, position)
    hidden = jnp.where(wraps, jnp.zeros_like(hidden), hidden)
    window = lax.dynamic_slice(text, (position,), (T + 1,))
    (loss, hidden), gradients = differentiate(weights, window[:-1], window[1:], hidden)
    gradients = [jnp.clip(gradient, -clip, clip) for gradient in gradients]
    sums = tuple(M + G * G for M, G in zip(sums, gradients, strict=True))
    weights = tuple(
        value - rate * G / jnp.sqrt(M + EPSILON)
        for value, G, M in zip(weights, gradients, sums, strict=True)
    )
    return (weights, sums, hidden, position + T), loss


class Step(Trainer):
    """One compiled iteration, called from Python, which reuses (donates) the old buffers."""

    differentiate = staticmethod(by_autodiff)

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.text = jnp.asarray(problem.text)
        self.iterate: Any = partial(
            iterate,
            differentiate=self.differentiate,
            T=problem.T,
            rate=problem.learning_rate,
            clip=problem.clip,
        )
        self.compiled = self.build()

    def build(self) -> Any:
        return jax.jit(self.iterate, donate_argnums=1)

    def put(self, state: State) -> None:
        cast = self.problem.cast

        def flat(arrays: Parameters) -> Weights:
            return tuple(
                jnp.asarray(cast(value[:, 0] if value.shape[1] == 1 and index > 2 else value))
                for index, value in enumerate(arrays)
            )

        hidden = jnp.asarray(cast(state.hidden[:, 0]))
        position = jnp.asarray(state.position)
        self.carry: Carry = (flat(state.parameters), flat(state.sums), hidden, position)

    def get(self) -> State:
        def columns(arrays: Weights) -> Parameters:
            values = [np.asarray(value, np.float64) for value in arrays]
            return Parameters(*values[:3], *(value[:, np.newaxis] for value in values[3:]))

        weights, sums, hidden, position = self.carry
        column = np.asarray(hidden, np.float64)[:, np.newaxis]
        return State(columns(weights), columns(sums), column, int(position))

    def advance(self, iterations: int) -> Sequence[float]:
        losses = []
        for _ in range(iterations):
            self.carry, loss = self.compiled(self.text, self.carry)
            losses.append(loss)
        jax.block_until_ready(self.carry)
        return [float(loss) for loss in losses]


class WholeLoop(Step):
    """All iterations in one compiled call; their number is an argument, so it compiles once."""

    def build(self) -> Any:
        def loop(text: jax.Array, carry: Carry, iterations: int) -> tuple[Carry, jax.Array]:
            def body(index: int, held: tuple[Carry, jax.Array]) -> tuple[Carry, jax.Array]:
                carry, losses = held
                carry, loss = self.iterate(text, carry)
                return carry, losses.at[index].set(loss)

            losses = jnp.zeros(LONGEST, self.problem.dtype)
            return lax.fori_loop(0, iterations, body, (carry, losses))

        return jax.jit(loop, donate_argnums=1)

    def advance(self, iterations: int) -> Sequence[float]:
        if iterations > LONGEST:
            raise ValueError(f"iterations must be at most {LONGEST}, got {iterations}")
        self.carry, losses = jax.block_until_ready(self.compiled(self.text, self.carry, iterations))
        return np.asarray(losses[:iterations], np.float64).tolist()


class LoopByHand(WholeLoop):
    """The whole loop, with the backward pass written by hand."""

    differentiate = staticmethod(by_hand)
