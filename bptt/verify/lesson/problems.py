"""A reader's passes as problems for the verifier.

The parameters are the network's five and the initial state `a0`. The loss is the window's, plus
⟨da_next, final state⟩, so that da_next is the gradient of a later loss with respect to that state.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

import reference
from reference import Gradients, Parameters

from ..checker.problem import GradientProblem
from ..network import complex_step
from ..network.lockstep import NAMES
from .windows import checked

CLIP = 0.5  # low enough to act in most of the drawn windows
Values = dict[str, Any]


def backward_problem(function: Callable[..., Any], clip: float | None) -> Callable[..., Any]:
    """Return a function that makes problems for a reader's backward pass, with a clip or without.

    With a clip, a0 is no parameter: it isn't the network's, and its gradient isn't clipped.
    """
    more = () if clip is None else (clip,)

    def problem(T: int, H: int, V: int, rng: np.random.Generator) -> GradientProblem:
        values, inputs, targets, start, da_next = _drawn(T, H, V, rng)
        if clip is None:
            values["a0"] = start

        def loss_of_steps(steps: list[Values]) -> Any:
            copies = [[own[name] for name in NAMES] for own in steps]
            total, state = complex_step.loss_and_state(
                copies, inputs, targets, steps[0].get("a0", start)
            )
            total += complex(np.sum(da_next * state))
            complex_given = any(np.iscomplexobj(value) for own in steps for value in own.values())
            return total if complex_given else total.real

        def gradient(given: Values) -> Values:
            parameters = Parameters(*(given[name] for name in NAMES))
            trace = reference.forward(parameters, inputs, targets, given.get("a0", start))
            answer = checked(function(parameters, trace, da_next.copy(), *more), parameters)
            computed = dict(zip(NAMES, answer.gradients, strict=True))
            return computed | ({"a0": answer.da_first} if clip is None else {})

        def fold(contributions: list[Values]) -> Values:
            made = [Gradients(*(step[name] for name in NAMES)) for step in contributions]
            return dict(zip(NAMES, complex_step.fold(made, clip), strict=True))

        return GradientProblem(
            values, lambda given: loss_of_steps([given] * T), gradient, loss_of_steps,
            None if clip is None else fold,
        )  # fmt: skip

    return problem


def forward_problem(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that makes problems of a reader's loss and the reference's gradient."""

    def problem(T: int, H: int, V: int, rng: np.random.Generator) -> GradientProblem:
        values, inputs, targets, start, _ = _drawn(T, H, V, rng)

        def loss(given: Values) -> Any:
            parameters = Parameters(*(given[name] for name in NAMES))
            return np.sum([*function(parameters, inputs, targets, start)[2]])

        def gradient(given: Values) -> Values:
            parameters = Parameters(*(given[name] for name in NAMES))
            trace = reference.forward(parameters, inputs, targets, start)
            return dict(zip(NAMES, reference.backward(parameters, trace, clip=None), strict=True))

        return GradientProblem(values, loss, gradient)

    return problem


def _drawn(T: int, H: int, V: int, rng: np.random.Generator) -> tuple:
    shapes = ((H, V), (H, H), (V, H), (H, 1), (V, 1))
    values = {name: rng.standard_normal(shape) for name, shape in zip(NAMES, shapes, strict=True)}
    inputs, targets = rng.integers(V, size=T), rng.integers(V, size=T)
    return values, inputs, targets, rng.uniform(-1, 1, (H, 1)), rng.standard_normal((H, 1))
