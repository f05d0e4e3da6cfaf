"""The interface of a function with its own backward pass, and how its gradients are assigned."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from ..checker.calls import MISSHAPEN, CaseError
from ..checker.evaluated_problem import is_tensor, to_array

DRAWN_AT = (2, 4, 8)  # the first size; the others are larger by 1, 2, ...


class DifferentiableFunction(ABC):
    """A function of several inputs that returns outputs, and gradients for given cotangents."""

    names: tuple[str, ...] = ()  # of its inputs, if the signature has them

    @abstractmethod
    def outputs(self, inputs: Sequence[Any]) -> tuple[Any, ...]:
        """Run the forward pass alone."""

    @abstractmethod
    def gradients(
        self, inputs: Sequence[Any], cotangents: Sequence[Any], wanted: Collection[int]
    ) -> dict[int, Any]:
        """Run both passes; return the gradients with respect to the wanted inputs, by position.

        `cotangents` are the gradients with respect to the outputs, None for an unused output.
        """

    def extra_inputs(self) -> tuple[Any, ...]:
        """Return further inputs that the function itself has: the parameters of a module."""
        return ()


def as_tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def argument_names(function: Any, skip: tuple[str, ...] = ("self",)) -> tuple[str, ...]:
    """Return the names of the positional arguments; none if there is no signature."""
    try:
        arguments = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(a.name for a in arguments if a.kind in positional and a.name not in skip)


def by_place(
    given: Any, inputs: Sequence[Any], names: tuple[str, ...], wanted: Collection[int]
) -> dict[int, Any]:
    """Assign the gradients that a NumPy function returned to the positions of the inputs.

    A dict is assigned by the names of the inputs, a tuple by their order: one gradient for each
    input or for each floating input. Raises CaseError where the number fits neither.
    """
    if isinstance(given, dict):
        return {place: given.get(names[place]) for place in wanted}
    slopes = as_tuple(given)
    if len(slopes) == len(inputs):
        return {place: slopes[place] for place in wanted}
    floating = [place for place, value in enumerate(inputs) if is_floating(value)]
    if len(slopes) != len(floating):
        raise CaseError(
            MISSHAPEN,
            f"expected {len(floating)} gradients, one for each floating input, got {len(slopes)}",
        )
    return {place: slopes[floating.index(place)] for place in wanted}


def is_floating(value: Any) -> bool:
    if is_tensor(value):
        return bool(value.is_floating_point())
    if not isinstance(value, np.ndarray):
        return False
    return value.dtype.kind == "f" or value.dtype.name == "bfloat16"  # JAX's, of kind V


def bounded_inputs(draw: Callable[..., Any], size_names: Sequence[str]) -> frozenset[int]:
    """Return the positions of the inputs whose values look as if they were drawn from a range.

    The search mustn't multiply those: what a function does outside its domain is no error.
    """
    drawn: dict[int, list[np.ndarray]] = {}
    for low in DRAWN_AT:
        sizes = {name: low + place for place, name in enumerate(size_names)}
        for seed in range(3):
            try:
                values = as_tuple(draw(rng=np.random.default_rng(seed), **sizes))
            except Exception:  # the search draws these inputs again, and reports what they raise
                continue
            for place, value in enumerate(values):
                if is_floating(value):
                    drawn.setdefault(place, []).append(to_array(value).astype(float).ravel())
    return frozenset(
        place for place, parts in drawn.items() if looks_bounded(np.concatenate(parts))
    )


def looks_bounded(values: np.ndarray) -> bool:
    """Whether values look as if they were drawn from a range, such as (0, inf), (-1, 1) or a ball.

    Normal numbers don't: they have both signs, some are beyond 1, and a few are far larger than
    most.
    """
    if values.size == 0 or values.min() >= 0 or values.max() <= 0:
        return True
    largest = np.abs(values).max()
    return bool(largest <= 1 or largest < 2.5 * np.median(np.abs(values)))
