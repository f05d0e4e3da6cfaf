"""Bugs in lower precision: sums, and roundings in between, in fewer digits than they need.

The right versions sum in float32 at least, as the corrections do.
"""

from typing import Any

import numpy as np
import torch

from ..exhibit import exhibit, function, normal


def wide(x: torch.Tensor) -> torch.Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def summed(rows: torch.Tensor) -> torch.Tensor:
    """Add the rows one by one, in their own precision."""
    total = torch.zeros_like(rows[0])
    for row in rows:
        total += row
    return total


def many_rows(rng: np.random.Generator, N: int, D: int) -> tuple[torch.Tensor, torch.Tensor]:
    return normal(rng, 16 * N, D), normal(rng, D)


@exhibit(
    "linkedin/Liger-Kernel#950",
    2025,
    "The gradient of RMSNorm's weight was summed over the rows in bfloat16.",
    many_rows,
    ("float32", "bfloat16"),
)
def weight_summed_in_bfloat16(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weight)
        return (wide(x) / size(x) * wide(weight)).to(x.dtype)

    def size(x: torch.Tensor) -> torch.Tensor:
        return (wide(x).square().mean(1, keepdim=True) + 0.1).sqrt()

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        x, weight = ctx.saved_tensors
        unit, d = wide(x) / size(x), wide(up) * wide(weight)
        dx = (d - unit * (unit * d).mean(1, keepdim=True)) / size(x)
        products = up * unit.to(x.dtype) if wrong else wide(up) * unit
        return dx.to(x.dtype), summed(products).to(x.dtype)

    return function(forward, backward)


def table_and_frequent_indices(
    rng: np.random.Generator, N: int, D: int
) -> tuple[torch.Tensor, torch.Tensor]:
    return normal(rng, 3, D), torch.tensor(rng.integers(0, 3, 32 * N))


@exhibit(
    "tenstorrent/tt-metal#53386",
    2026,
    "An embedding's gradient was summed in bfloat16: of an index that is frequent, most was lost.",
    table_and_frequent_indices,
    ("float32", "bfloat16"),
)
def embedding_summed_in_bfloat16(wrong: bool) -> Any:
    def forward(ctx: Any, table: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(table, index)
        return table[index]

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        table, index = ctx.saved_tensors
        d = torch.zeros_like(table) if wrong else wide(torch.zeros_like(table))
        for row, place in zip(up, index, strict=True):
            d[place] += row
        return d.to(table.dtype), None

    return function(forward, backward)


@exhibit(
    "linkedin/Liger-Kernel#1253",
    2026,
    "A gradient in float16 was rounded to bfloat16, whose mantissa is 3 bits shorter, in between.",
    lambda rng, N, D: (normal(rng, N, D), normal(rng, D)),
    ("float32", "float16"),
)
def float16_by_way_of_bfloat16(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, scale)
        return x * scale

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        x, scale = ctx.saved_tensors
        d = wide(up * x).sum(0)
        between = torch.bfloat16 if wrong and x.dtype == torch.float16 else x.dtype
        return up * scale, d.to(between).to(x.dtype)

    return function(forward, backward)
