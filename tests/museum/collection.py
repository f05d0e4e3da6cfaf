"""All exhibits, in the order of the modules."""

from .exhibit import Exhibit
from .exhibits import (
    blocks,
    cotangents,
    formulas,
    indices,
    layouts,
    precision,
    races,
    shared_memory,
    special_values,
    state,
)

ROOMS = (
    formulas,
    cotangents,
    special_values,
    indices,
    blocks,
    layouts,
    shared_memory,
    state,
    precision,
    races,
)
EXHIBITS: tuple[Exhibit, ...] = tuple(
    value for room in ROOMS for value in vars(room).values() if isinstance(value, Exhibit)
)
