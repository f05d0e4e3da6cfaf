"""Padded sizes: multiples of the vector length and of the tile height."""

import torch

from .products import ROWS
from .tiles import CHAIN_BYTES

PAGE_BYTES = 512  # rows whose lengths are multiples of this map to few sets of a cache


def block(dtype: torch.dtype) -> int:
    """Return the number that sizes are rounded up to a multiple of: whole vectors and tiles.

    It is the same on every processor, since zeros that are added can decide a zero's sign.
    """
    return max(CHAIN_BYTES // dtype.itemsize, ROWS)


def padded(size: int, dtype: torch.dtype) -> int:
    """Round a size up to whole blocks, avoiding row lengths that map to few sets of a cache."""
    unit = block(dtype)
    size = -(-size // unit) * unit
    return size + unit if size * dtype.itemsize % PAGE_BYTES == 0 else size
