"""The training text: kept in its own integer type and not copied.

Kernels get its bytes and the number of bytes per index, so one compilation serves all types.
"""

import mmap
import sys

import numpy as np
import torch

from ..kernels.compiled import inlined

KINDS = tuple(np.dtype(kind) for kind in (np.uint8, np.uint16, np.uint32, np.int64))
CHUNK = 1 << 20  # indices checked at a time
LITTLE_ENDIAN = sys.byteorder == "little"


def readable_text(text: np.ndarray | torch.Tensor, V: int) -> np.ndarray:
    """Return the text itself if kernels can read its type, otherwise a copy in int64.

    A memory-mapped text is not checked here, so that a large one costs neither time nor memory;
    kernels check each index that they read anyway.

    Raises TypeError unless it holds integers, ValueError for an index outside 0..V-1.
    """
    array = np.asarray(text)
    if array.dtype.kind not in "iu":
        raise TypeError(f"text must be whole numbers, got {array.dtype}")
    if not _is_mapped(array):
        for start in range(0, array.size, CHUNK):
            error = index_error(array.reshape(-1)[start : start + CHUNK], V, start)
            if error is not None:
                raise error
    return np.ascontiguousarray(array, None if array.dtype in KINDS else np.int64)


def index_error(indices: np.ndarray, V: int, start: int) -> ValueError | None:
    """Return the error for the first index outside 0..V-1, or None.

    `start` is the position in the text at which `indices` begin.
    """
    if indices.min() >= 0 and indices.max() < V:
        return None
    position = int(np.argmax((indices < 0) | (indices >= V)))
    return ValueError(
        f"text must lie in 0..{V - 1} (vocabulary of {V}), got {indices[position]} "
        f"at position {start + position}"
    )


def as_bytes(text: np.ndarray) -> np.ndarray:
    """Return a read-only view of the bytes: one type for every integer type, writable or not."""
    view = text.view(np.uint8)
    view.flags.writeable = False
    return view


@inlined
def index_at(text, width, place):
    """Return the index at position `place`, from the text's bytes and `width` bytes per index."""
    index = np.int64(0)
    for byte in range(width):
        shift = 8 * byte if LITTLE_ENDIAN else 8 * (width - 1 - byte)
        index |= np.int64(text[place * width + byte]) << shift
    return index


def _is_mapped(array: np.ndarray) -> bool:
    base = array
    while isinstance(base, np.ndarray):
        base = base.base
    return isinstance(base, mmap.mmap)
