"""The oracle for one training iteration, for each variant of the clip and of epsilon.

It is built on `reference`. An engine runs one iteration from each of several states. Its gradient
is recovered from Adagrad's sums, |G| = sqrt(M' - M), and compared with the oracle's entry by entry;
its step is compared with the rule applied to those sums. Then it runs a few iterations in a row:
training is chaotic, so these only show that the engine reads the right windows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

import reference
from bptt.errors import InputError
from reference import Gradients, Parameters

from .differences import Difference
from .training import Problem, State, Trainer

RUNNING, FINAL, NONE = "running", "final", "none"  # clip within the sum, of the sum, or none
INSIDE, OUTSIDE = "inside", "outside"  # where epsilon is added: in Adagrad's root or to it
EPSILON = reference.adagrad.EPSILON

# Largest error of a gradient, relative to its largest entry: hundreds of roundings.
GRADIENT_TOLERANCE = {"float64": 1e-12, "float32": 2e-4}
ROW_TOLERANCE = {"float64": 1e-9, "float32": 2e-2}  # for losses after a few chaotic iterations
ROW = 3  # iterations in a row
FIELDS = [field.name for field in fields(Parameters)]


@dataclass(frozen=True)
class Rule:
    """The variant of clip and Adagrad that an engine computes."""

    clip: str
    epsilon: str

    def __str__(self) -> str:
        clips = {RUNNING: "running clip", FINAL: "final clip", NONE: "no clip"}
        return f"{clips[self.clip]}, epsilon {self.epsilon} the root"


def gradients(problem: Problem, state: State, clip: str) -> tuple[Gradients, float, np.ndarray]:
    """Return the next window's gradients, its loss in nats and the state after it."""
    position, hidden = state.position, state.hidden
    if position + problem.T + 1 > len(problem.text):
        position, hidden = 0, np.zeros_like(hidden)
    window = problem.text[position : position + problem.T + 1]
    trace = reference.forward(state.parameters, window[:-1], window[1:], hidden)
    grads = reference.backward(state.parameters, trace, problem.clip if clip == RUNNING else None)
    if clip == FINAL:
        grads = Gradients(*(np.clip(grad, -problem.clip, problem.clip) for grad in grads))
    return grads, float(trace.loss), trace.final_state


def denominator(sums: np.ndarray, epsilon: str) -> np.ndarray:
    """Return the number that Adagrad divides by."""
    return np.sqrt(sums + EPSILON) if epsilon == INSIDE else np.sqrt(sums) + EPSILON


def step(problem: Problem, state: State, rule: Rule) -> tuple[State, float]:
    """Return the state after the next iteration, and its loss in nats."""
    grads, loss, hidden = gradients(problem, state, rule.clip)
    sums = Gradients(*(M + G * G for M, G in zip(state.sums, grads, strict=True)))
    moved = [
        value - problem.learning_rate * G / denominator(M, rule.epsilon)
        for value, G, M in zip(state.parameters, grads, sums, strict=True)
    ]
    wraps = state.position + problem.T + 1 > len(problem.text)
    position = (0 if wraps else state.position) + problem.T
    return State(Parameters(*moved), sums, hidden, position), loss


def probes(problem: Problem) -> dict[str, State]:
    """Return the states to check an iteration from, exactly representable in the problem's dtype.

    Large weights make the clip act in every row, empty sums reveal the gradient exactly, and
    positions near the end of the text check that the stream restarts.
    """
    start = problem.start
    empty = start.parameters.zeros_like()
    wild = np.random.default_rng(1)
    scale = problem.H**-0.5  # with larger weights 35 steps amplify rounding beyond any tolerance
    large = Parameters(*(scale * wild.standard_normal(value.shape) for value in start.parameters))
    states = {
        "trained weights, empty sums": replace(start, sums=empty),
        "large weights, empty sums": replace(start, parameters=large, sums=empty),
        "trained": start,
        "at the last window": replace(start, position=len(problem.text) - problem.T - 1),
        "at the end of the text": replace(start, position=len(problem.text) - problem.T),
    }
    return {name: rounded(state, problem.dtype) for name, state in states.items()}


def check(problem: Problem, rule: Rule, engine: Trainer) -> Iterator[Difference]:
    """Compare an engine (or a proxy for one) with the oracle."""
    for name, state in probes(problem).items():
        yield from check_from(problem, rule, name, state, engine)
    yield from _check_row(problem, rule, engine)


def check_from(
    problem: Problem, rule: Rule, name: str, state: State, engine: Trainer
) -> Iterator[Difference]:
    """Compare one iteration from one state, called `name`, with the oracle's."""
    tolerance = GRADIENT_TOLERANCE[problem.dtype] * problem.T
    expected, loss = step(problem, state, rule)
    engine.put(state)
    (got_loss,) = engine.advance(1)
    got = engine.get()
    yield Difference.of(f"loss, {name}", got_loss, loss, tolerance)
    yield Difference.of(f"hidden state, {name}", got.hidden, expected.hidden, tolerance)
    yield Difference.of(f"position, {name}", got.position, expected.position, 0.0)
    yield from _check_update(problem, rule, name, state, got)


def _check_update(
    problem: Problem, rule: Rule, name: str, state: State, got: State
) -> Iterator[Difference]:
    grads, _, _ = gradients(problem, state, rule.clip)
    tolerance, resolution = GRADIENT_TOLERANCE[problem.dtype], np.finfo(problem.dtype).eps
    for field in FIELDS:
        grad, value, sums, got_value, got_sums = (
            getattr(arrays, field)
            for arrays in (grads, state.parameters, state.sums, got.parameters, got.sums)
        )
        allowed = tolerance * np.max(np.abs(grad))
        # M' = M + G²: an error e of G changes it by 2 |G| e + e²; rounding by about eps M'.
        room = 2 * np.abs(grad) * allowed + allowed**2 + 2 * resolution * (sums + grad**2)
        yield Difference.of(f"sums of {field}, {name}", got_sums, sums + grad**2, room)
        bottom = denominator(got_sums, rule.epsilon)
        rate = problem.learning_rate
        rounding = 8 * resolution * (np.abs(value) + rate)
        step_taken, expected = value - got_value, rate * grad / bottom
        room = 2 * rate * allowed / bottom + rounding
        yield Difference.of(f"step of {field}, {name}", step_taken, expected, room)
        if not np.any(sums):
            # With empty sums the engine's own sums determine exactly how large its step must be.
            size = rate * np.sqrt(got_sums) / bottom
            yield Difference.of(f"rule for {field}, {name}", np.abs(step_taken), size, rounding)


def _check_row(problem: Problem, rule: Rule, engine: Trainer) -> Iterator[Difference]:
    state, expected = rounded(problem.start, problem.dtype), []
    engine.put(state)
    got = engine.advance(ROW)
    for _ in range(ROW):
        state, loss = step(problem, state, rule)
        expected.append(loss)
    room = ROW_TOLERANCE[problem.dtype] * np.abs(expected)
    yield Difference.of(f"losses of {ROW} iterations", np.array(got), np.array(expected), room)


def check_that_rules_differ(problem: Problem) -> None:
    """Raise InputError if the check could not tell the three kinds of clip apart."""
    furthest = dict.fromkeys(((RUNNING, FINAL), (RUNNING, NONE), (FINAL, NONE)), 0.0)
    for state in probes(problem).values():
        for pair in furthest:
            left, right = (gradients(problem, state, clip)[0] for clip in pair)
            for a, b in zip(left, right, strict=True):
                distance = float(np.max(np.abs(a - b)) / np.max(np.abs(a)))
                furthest[pair] = max(furthest[pair], distance)
    needed = 10 * GRADIENT_TOLERANCE[problem.dtype]
    for (left, right), distance in furthest.items():
        if distance < needed:
            raise InputError(
                f"{left} and {right} clip differ by {distance:.1e} here, expected at least "
                f"{needed:.1e}: an engine could pass for another"
            )


def rounded(state: State, dtype: str) -> State:
    """Round all numbers to the dtype's precision."""

    def held(arrays: Parameters) -> Parameters:
        return Parameters(*(value.astype(dtype).astype(np.float64) for value in arrays))

    hidden = state.hidden.astype(dtype).astype(np.float64)
    return State(held(state.parameters), held(state.sums), hidden, state.position)
