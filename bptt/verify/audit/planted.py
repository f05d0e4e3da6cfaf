"""The errors that are planted into the gradients of one call of a backward pass.

A gross error is one that any test of a gradient should see. The size of a scaled error is chosen: a
factor is 1 + size, noise has a deviation of size times the gradient's largest entry.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import arrays

ALL = "all"  # stands for every gradient of a function at once
FACTOR, NOISE = "factor", "noise"
SWAPPED, NONE = "swapped", "None"


@dataclass(frozen=True)
class Plant:
    """An error to plant: which one, of which size, into which gradient of which function."""

    function: str
    gradient: str
    error: str
    size: float = 0.0


def _transposed(value: Any) -> Any:
    shape = arrays.shape_of(value)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        return None
    return value.swapaxes(-1, -2)


def _shifted(value: Any) -> Any:
    shape = arrays.shape_of(value)
    if not shape or shape[0] < 2:
        return None
    return value.roll(1, 0) if arrays.is_tensor(value) else np.roll(value, 1, 0)


def _last_row_zero(value: Any) -> Any:
    shape = arrays.shape_of(value)
    if not shape or shape[0] < 2:
        return None
    changed = arrays.copy(value)
    changed[-1] = 0.0
    return changed


def _entry_times(factor: float) -> Callable[[Any], Any]:
    def changed(value: Any) -> Any:
        place = arrays.typical_entry(value)
        if place is None or arrays.shape_of(value) == ():
            return None
        index = np.unravel_index(place, arrays.shape_of(value))
        new = arrays.copy(value)
        new[index] = new[index] * factor
        return new

    return changed


# Each returns the wrong gradient, None where it can't be planted.
ON_ONE_GRADIENT: dict[str, Callable[[Any], Any]] = {
    "zeros": lambda value: arrays.full_like(value, 0.0),
    "NaN": lambda value: arrays.full_like(value, float("nan")),
    "wrong sign": lambda value: -value,
    "transpose": _transposed,
    "one entry zero": _entry_times(0.0),
    "one entry doubled": _entry_times(2.0),
    "last row zero": _last_row_zero,
    "shift by 1": _shifted,
}
GROSS = (*ON_ONE_GRADIENT, SWAPPED, NONE)
GROSS_ON_ALL = (
    "zeros",
    "wrong sign",
)  # a test may see these in each gradient but not in all together


def plant_into(gradients: Mapping[str, Any], plant: Plant) -> dict[str, Any]:
    """Return the gradients, by name, that the plant changes in this call, with the error in them.

    None as a value is the planted None.
    """
    changed: dict[str, Any] = {}
    if plant.error == SWAPPED:
        changed = _swapped(gradients, plant.gradient)
    else:
        for name, value in gradients.items():
            if plant.gradient not in (name, ALL):
                continue
            if plant.error == NONE:
                changed[name] = None
            elif (new := _wrong(value, plant)) is not None:
                changed[name] = arrays.like(value, new)
    return {name: new for name, new in changed.items() if not arrays.equal(new, gradients[name])}


def _wrong(value: Any, plant: Plant) -> Any:
    if plant.error == FACTOR:
        return value * (1.0 + plant.size)
    if plant.error == NOISE:
        return value + arrays.noise_like(value, plant.size)
    return ON_ONE_GRADIENT[plant.error](value)


def _swapped(gradients: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Swap a gradient with the next one of its shape and dtype, cyclically."""
    if name not in gradients:
        return {}
    names = [
        other
        for other, value in gradients.items()
        if arrays.shape_of(value) == arrays.shape_of(gradients[name])
        and arrays.dtype_of(value) == arrays.dtype_of(gradients[name])
    ]
    other = names[(names.index(name) + 1) % len(names)]
    return {} if other == name else {name: gradients[other], other: gradients[name]}
