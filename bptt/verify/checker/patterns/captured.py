"""Find the constant arrays of a problem's functions: inputs, targets, masks, upstream gradients.

They are in the closures of the loss and the gradient, and of the functions that these call. In a
newly made problem they can be changed, to see which change reproduces a wrong gradient.
"""

import inspect
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from ..evaluated_problem import EvaluatedProblem, Loss, is_tensor
from ..oracles import choice, differences

DEEPEST = 4  # functions within functions
ROUGHLY = 1e-3


def captured(evaluated: EvaluatedProblem, kinds: str) -> dict[str, Any]:
    """Return the arrays and tensors of some dtype kinds ("f", "iu") by their names in the code."""
    found: dict[str, Any] = {}
    for function in (evaluated.problem.loss, evaluated.problem.gradient):
        for name, value in _held(function, DEEPEST, set()):
            kind = np.asarray(value.detach().cpu()).dtype.kind if is_tensor(value) else (
                value.dtype.kind if isinstance(value, np.ndarray) else ""
            )  # fmt: skip
            if kind and kind in kinds and value.ndim > 0:
                found.setdefault(name, value)
    return found


def _held(function: Any, depth: int, seen: set[int]) -> Iterator[tuple[str, Any]]:
    if depth == 0 or id(function) in seen:
        return
    seen.add(id(function))
    inner: dict[str, Any] = {}
    if inspect.isfunction(function):
        inner = dict(inspect.getclosurevars(function).nonlocals)
    elif inspect.ismethod(function):
        inner = {"": function.__func__} | vars(function.__self__)
    elif isinstance(function, partial):
        inner = {"": function.func, **function.keywords}
        inner |= {f"argument {place}": value for place, value in enumerate(function.args)}
    for name, value in inner.items():
        yield name, value
        if callable(value):
            yield from _held(value, depth - 1, seen)


def fill(array: Any, values: Any) -> None:
    """Write values into an array or a tensor."""
    if is_tensor(array):
        import torch

        with torch.no_grad():
            array.copy_(torch.as_tensor(np.asarray(values), dtype=array.dtype))
    else:
        array[...] = values


def may_be_gradient(loss: Loss, name: str, computed: np.ndarray) -> bool:
    """Whether a gradient roughly agrees with the loss along one direction: a cheap first check.

    Raises CaseError where the loss can't be evaluated.
    """
    direction = differences.signs(loss, name, np.random.default_rng(0))
    noise = 1e-12 * abs(loss(loss.point))
    slope, error = differences.slope(differences.line(loss, direction), noise)
    size = float(np.abs(computed).max(initial=0.0))
    off = abs(slope - float(np.sum(direction[name] * computed)))
    return off <= 4.0 * error + ROUGHLY * size * computed.size**0.5


def expected_gradient(loss: Loss, name: str) -> np.ndarray:
    """Return the gradient of one parameter. Raises CaseError where the loss can't be evaluated."""
    oracle = choice.choose(loss, np.random.default_rng(0))
    if oracle.gradient is not None:
        return oracle.gradient[name]
    found = np.zeros(loss.point[name].shape)
    for place in np.ndindex(found.shape):
        found[place], _ = oracle.slope(differences.entry(loss, name, place))
    return found
