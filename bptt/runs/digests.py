"""Digests of weights: equal if and only if all their bits are."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..engines.names import PARAMETER_NAMES
from ..training.state import INITIAL_STATE


def of_weights(arrays: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the weights and of a learned initial state, in hexadecimal.

    `arrays` holds them by name, as arrays or tensors, maybe among others. Hashed are each one's
    name, dtype and shape, as "Wha float64 (100, 100)" and a line feed, then its numbers row by row
    with the least significant byte first.
    """
    found = hashlib.sha256()
    for name in (*PARAMETER_NAMES, INITIAL_STATE):
        if name in arrays:
            value = np.ascontiguousarray(arrays[name])
            found.update(f"{name} {value.dtype.name} {value.shape}\n".encode())
            found.update(value.astype(value.dtype.newbyteorder("<"), copy=False).tobytes())
    return found.hexdigest()
