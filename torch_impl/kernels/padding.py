"""Sizes rounded up to whole vectors and whole tiles."""

import torch

from .products import ROWS
from .vectors import REGISTER_BYTES

PAGE_BYTES = 512  # rows whose lengths are multiples of this fall into few of a cache's sets


def block(dtype: torch.dtype) -> int:
    """Return what sizes are rounded up to: whole vectors, and whole tiles."""
    return max(REGISTER_BYTES // dtype.itemsize, ROWS)


def padded(size: int, dtype: torch.dtype) -> int:
    """Round a size up to whole blocks, and away from lengths that caches dislike."""
    unit = block(dtype)
    size = -(-size // unit) * unit
    return size + unit if size * dtype.itemsize % PAGE_BYTES == 0 else size
