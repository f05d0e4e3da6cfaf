"""Lay out the same numbers in memory that isn't contiguous, as kernels must support."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..checker.evaluated_problem import is_tensor
from .problem import copied


def layouts(value: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name of each layout, the value in it, and the same numbers in contiguous memory.

    The memory between the entries is filled with NaN, so that reading it has an effect.
    """
    yield "with an offset", _sliced(value, [(slice(1, None)) for _ in value.shape]), value
    if value.ndim >= 2:
        yield "transposed", _transposed(value), value
    if value.ndim >= 1:
        yield "sliced", _sliced(value, [slice(None, None, 2)] * value.ndim), value
        first = copied(value)
        first[...] = first[(slice(0, 1),) * value.ndim]
        yield "expanded (stride 0)", _expanded(value), first


def _transposed(value: Any) -> Any:
    axes = tuple(reversed(range(value.ndim)))
    if is_tensor(value):
        return value.permute(axes).contiguous().permute(axes)
    return np.ascontiguousarray(value.transpose(axes)).transpose(axes)


def _sliced(value: Any, cuts: list[slice]) -> Any:
    """Return a view with these numbers in a larger array of NaN."""
    larger = tuple(
        2 * size if cut.step else size + 1 for size, cut in zip(value.shape, cuts, strict=True)
    )
    if is_tensor(value):
        around = value.new_full(larger, float("nan"))
    else:
        around = np.full(larger, np.nan, value.dtype)
    view = around[(*cuts, ...)]
    view[...] = value
    return view


def _expanded(value: Any) -> Any:
    one = value[(slice(0, 1),) * value.ndim]
    if is_tensor(value):
        return copied(one).expand(value.shape)
    return np.broadcast_to(copied(one), value.shape)
