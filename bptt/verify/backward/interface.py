"""The interface of a function with its own backward pass, and how its gradients are assigned."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from ..checker.evaluated_problem import is_tensor


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
    input or for each floating input. Raises ValueError where the number fits neither.
    """
    if isinstance(given, dict):
        return {place: given.get(names[place]) for place in wanted}
    slopes = as_tuple(given)
    if len(slopes) == len(inputs):
        return {place: slopes[place] for place in wanted}
    floating = [place for place, value in enumerate(inputs) if is_floating(value)]
    if len(slopes) != len(floating):
        raise ValueError(
            f"expected {len(floating)} gradients, one for each floating input, got {len(slopes)}"
        )
    return {place: slopes[floating.index(place)] for place in wanted}


def is_floating(value: Any) -> bool:
    if is_tensor(value):
        return bool(value.is_floating_point())
    if not isinstance(value, np.ndarray):
        return False
    return value.dtype.kind == "f" or value.dtype.name == "bfloat16"  # JAX's, of kind V
