"""The interface of a function with its own backward pass, and what its inputs look like."""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from .arrays import is_floating, numbers
from .nested import Arguments, as_tuple

DRAWN_AT = (2, 4, 8)  # the first size; the others are larger by 1, 2, ...


class DifferentiableFunction(ABC):
    """A function of several inputs that returns outputs, and gradients for given cotangents.

    `names` are those of its arguments, as far as the signature has them. `arguments` say where in
    them the inputs are, and `verified` are the positions of those whose gradients are.
    """

    names: tuple[str, ...] = ()
    arguments: Arguments
    verified: tuple[int, ...] = ()
    accepts_none = False  # whether its backward pass itself is given None for an unused output

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


def argument_names(function: Any, skip: tuple[str, ...] = ("self",)) -> tuple[str, ...]:
    """Return the names of the positional arguments; none if there is no signature."""
    try:
        arguments = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(a.name for a in arguments if a.kind in positional and a.name not in skip)


def bounded_inputs(draw: Callable[..., Any], size_names: Sequence[str]) -> frozenset[int]:
    """Return the positions of the inputs whose values look as if they were drawn from a range.

    The search mustn't multiply those: what a function does outside its domain is no error.
    """
    drawn: dict[int, list[np.ndarray]] = {}
    for low in DRAWN_AT:
        sizes = {name: low + place for place, name in enumerate(size_names)}
        for seed in range(3):
            try:
                values = draw(rng=np.random.default_rng(seed), **sizes)
            except Exception:  # the search draws these inputs again, and reports what they raise
                continue
            for place, value in enumerate(Arguments(as_tuple(values), ()).values):
                if is_floating(value):
                    drawn.setdefault(place, []).append(numbers(value).ravel())
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
