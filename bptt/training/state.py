"""A training's state as named arrays: weights, optimizer state, the lanes' hidden states.

V symbols, H hidden units, B lanes.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..engines.names import PARAMETER_NAMES
from ..settings import Settings
from .base import Training

Shape = tuple[int, ...]

INITIAL_STATE = "a0"  # exists if the settings make it learned
HIDDEN_STATE = "hidden_state"
AVERAGE = "average"  # before the name of a parameter, if the settings ask for averages

# The optimizer's state for each parameter, by torch.optim's names; `step` counts updates.
STATE_NAMES: dict[str, tuple[str, ...]] = {
    "adagrad": ("sums",),
    "adam": ("exp_avg", "exp_avg_sq", "step"),
    "adamw": ("exp_avg", "exp_avg_sq", "step"),
    "rmsprop": ("square_avg", "step"),
    "sgd": (),
}
UPDATES = "step"


def state_names(settings: Settings) -> tuple[str, ...]:
    """Return the names of the optimizer's state for each parameter."""
    with_momentum = settings.optimizer == "sgd" and settings.momentum > 0
    return ("momentum_buffer",) if with_momentum else STATE_NAMES[settings.optimizer]


def expected(settings: Settings, V: int) -> dict[str, tuple[Shape, str]]:
    """Return the shape and dtype of every array of a run with these settings and V symbols."""
    H, dtype = settings.hidden_size, settings.dtype
    sizes: tuple[Shape, ...] = ((H, V), (H, H), (V, H), (H, 1), (V, 1))
    shapes: dict[str, Shape] = dict(zip(PARAMETER_NAMES, sizes, strict=True))
    if settings.learn_initial_state:
        shapes[INITIAL_STATE] = (H, 1)
    arrays: dict[str, tuple[Shape, str]]
    arrays = {name: (shape, dtype) for name, shape in shapes.items()}
    for key in state_names(settings):
        for name, shape in shapes.items():
            arrays[f"{key}.{name}"] = ((), "float32") if key == UPDATES else (shape, dtype)
    if settings.average_decay > 0:
        arrays |= {f"{AVERAGE}.{name}": (shape, dtype) for name, shape in shapes.items()}
    arrays[HIDDEN_STATE] = ((H, settings.lanes), dtype)
    return arrays


def to_arrays(training: Training) -> dict[str, np.ndarray]:
    """Return a training's state by name, sorted by name."""
    arrays = _in_place(training)
    arrays[HIDDEN_STATE] = training.hidden_state
    # asarray, since ascontiguousarray makes a scalar a vector
    return {name: np.asarray(arrays[name], order="C") for name in sorted(arrays)}


def put_arrays(training: Training, arrays: dict[str, np.ndarray]) -> None:
    """Set a training's state to the arrays of `to_arrays`, from any engine of the same dtype."""
    import torch  # only here: sampling and comparing do without, and it takes a second to import

    for name, value in _in_place(training).items():
        value.copy_(torch.from_numpy(arrays[name]))
    training.hidden_state = torch.from_numpy(arrays[HIDDEN_STATE])


def put_weights(training: Training, weights: dict[str, np.ndarray]) -> None:
    """Set the weights before the first iteration, and a learned initial state and averages."""
    averages = {f"{AVERAGE}.{name}": weights[name] for name in training.averages}
    arrays = to_arrays(training) | weights | averages
    if INITIAL_STATE in weights:
        lanes = arrays[HIDDEN_STATE].shape[1]
        arrays[HIDDEN_STATE] = np.repeat(weights[INITIAL_STATE], lanes, axis=1)
    put_arrays(training, arrays)


def published(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the weights to evaluate, and a learned initial state, of the arrays of `to_arrays`.

    They are the averages if there are any.
    """
    names = [name for name in (*PARAMETER_NAMES, INITIAL_STATE) if name in arrays]
    averaged = any(name.startswith(f"{AVERAGE}.") for name in arrays)
    return {name: arrays[f"{AVERAGE}.{name}" if averaged else name] for name in names}


def _in_place(training: Training) -> dict[str, Any]:
    averages = {f"{AVERAGE}.{name}": value for name, value in training.averages.items()}
    return training.learned | training.optimizer_state | averages
