"""A training's state as named arrays: weights, optimizer state, the lanes' hidden states.

V symbols, H hidden units, B lanes.
"""

from typing import Any, Protocol, runtime_checkable

import numpy as np

import reference

from ..engines.names import PARAMETER_NAMES
from ..settings import Settings
from .protocols import Training

Shape = tuple[int, ...]

INITIAL_STATE = "a0"  # exists if the settings make it learned
HIDDEN_STATE = "hidden_state"

# The optimizer's state for each parameter, by torch.optim's names; `step` counts updates.
KEPT: dict[str, tuple[str, ...]] = {
    "adagrad": ("sums",),
    "adam": ("exp_avg", "exp_avg_sq", "step"),
    "adamw": ("exp_avg", "exp_avg_sq", "step"),
    "rmsprop": ("square_avg", "step"),
    "sgd": (),
}
COUNT = "step"


def kept(settings: Settings) -> tuple[str, ...]:
    """Return the names of the optimizer's state for each parameter."""
    with_momentum = settings.optimizer == "sgd" and settings.momentum > 0
    return ("momentum_buffer",) if with_momentum else KEPT[settings.optimizer]


def expected(settings: Settings, V: int) -> dict[str, tuple[Shape, str]]:
    """Return the shape and dtype of every array of a run with these settings and V symbols."""
    H, dtype = settings.hidden_size, settings.dtype
    sizes: tuple[Shape, ...] = ((H, V), (H, H), (V, H), (H, 1), (V, 1))
    shapes: dict[str, Shape] = dict(zip(PARAMETER_NAMES, sizes, strict=True))
    if settings.learn_initial_state:
        shapes[INITIAL_STATE] = (H, 1)
    arrays: dict[str, tuple[Shape, str]]
    arrays = {name: (shape, dtype) for name, shape in shapes.items()}
    for key in kept(settings):
        for name, shape in shapes.items():
            arrays[f"{key}.{name}"] = ((), "float32") if key == COUNT else (shape, dtype)
    arrays[HIDDEN_STATE] = ((H, settings.lanes), dtype)
    return arrays


@runtime_checkable
class _OfTensors(Protocol):
    """A training that has its tensors by name."""

    learned: dict[str, Any]
    optimizer_state: dict[str, Any]


def to_arrays(training: Training) -> dict[str, np.ndarray]:
    """Return a training's state by name, sorted by name."""
    if isinstance(training, _OfTensors):
        arrays = training.learned | training.optimizer_state
    else:
        own: Any = training
        arrays = dict(zip(PARAMETER_NAMES, own.parameters, strict=True))
        sums = zip(PARAMETER_NAMES, own.accumulators, strict=True)
        arrays |= {f"sums.{name}": value for name, value in sums}
    arrays[HIDDEN_STATE] = training.hidden_state
    # asarray, since ascontiguousarray makes a scalar a vector
    return {name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}


def put_arrays(training: Training, arrays: dict[str, np.ndarray]) -> None:
    """Set a training's state to the arrays of `to_arrays`, from any engine of the same dtype."""
    if isinstance(training, _OfTensors):
        for name, value in (training.learned | training.optimizer_state).items():
            value.copy_(_tensor(arrays[name]))
    else:
        for attribute, prefix in (("parameters", ""), ("accumulators", "sums.")):
            values = [_own(training, arrays[prefix + part]) for part in PARAMETER_NAMES]
            setattr(training, attribute, _parameters(training, values))
    training.hidden_state = _own(training, arrays[HIDDEN_STATE])


def _parameters(training: Training, own: list[Any]) -> Any:
    if isinstance(training, reference.Training):
        return reference.Parameters(*own)
    from torch_impl import Parameters

    return Parameters(*own)


def _own(training: Training, array: np.ndarray) -> Any:
    return array if isinstance(training, reference.Training) else _tensor(array)


def _tensor(array: np.ndarray) -> Any:
    import torch  # only here: it takes longer to import than everything else

    return torch.from_numpy(array)
