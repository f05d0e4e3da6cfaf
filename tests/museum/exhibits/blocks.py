"""Bugs of sizes: more than a block, more than a grid, more axes than were thought of."""

from typing import Any

import numpy as np
import torch

from ..exhibit import exhibit, function, layer, normal


def steps_and_gates(rng: np.random.Generator, T: int, D: int) -> tuple[torch.Tensor, torch.Tensor]:
    return normal(rng, T, D), torch.tensor(0.3 + 0.6 * rng.random((T, D)))


@exhibit(
    "proger/accelerated-scan#15",
    2026,
    "The backward scan scaled a block by the decay and added the state carried in, not decayed.",
    steps_and_gates,
)
def carry_between_blocks(wrong: bool) -> Any:
    block = 8

    def forward(ctx: Any, x: torch.Tensor, gates: torch.Tensor) -> torch.Tensor:
        states = [torch.zeros_like(x[0])]
        for row, gate in zip(x, gates, strict=True):
            states.append(gate * states[-1] + row)
        ctx.save_for_backward(gates, torch.stack(states))
        return torch.stack(states[1:])

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        gates, states = ctx.saved_tensors
        dx, carry, decay = torch.empty_like(up), torch.zeros_like(up[0]), torch.ones_like(up[0])
        for start in reversed(range(0, len(up), block)):
            local, product, last = torch.zeros_like(carry), decay, start + block >= len(up)
            for t in reversed(range(start, min(start + block, len(up)))):
                local = up[t] + (gates[t + 1] * local if t + 1 < min(start + block, len(up)) else 0)
                dx[t] = local * decay + carry if wrong and not last else local + product * carry
                product = product * gates[t]
            carry, decay = dx[start], gates[start]
        return dx, dx * states[:-1]

    return function(forward, backward)


@exhibit(
    "NVIDIA/apex#411",
    2019,
    "The kernel had a block a row, and more rows than a grid has blocks gave wrong results.",
    layer,
)
def more_rows_than_blocks(wrong: bool) -> Any:
    grid = 16  # blocks; 65,535 there

    def forward(ctx: Any, x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        size = (x.square().mean(1, keepdim=True) + 0.1).sqrt()
        ctx.save_for_backward(x / size, size, weight)
        return weight * x / size

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        unit, size, weight = ctx.saved_tensors
        dx = torch.zeros_like(up)
        starts = range(0, min(len(up), grid) if wrong else len(up))
        for row in starts:
            d = up[row] * weight
            dx[row] = (d - unit[row] * (unit[row] * d).mean()) / size[row]
        return dx, (up * unit).sum(0)

    return function(forward, backward)


@exhibit(
    "flagos-ai/FlagGems#5392",
    2026,
    "The backward pass of layer normalisation took a batch of sequences for one row each.",
    lambda rng, N, T, D: (normal(rng, N, T, D),),
)
def three_axes_taken_for_two(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        size = (x.var(-1, correction=0, keepdim=True) + 0.1).sqrt()
        ctx.save_for_backward((x - x.mean(-1, keepdim=True)) / size, size)
        return (x - x.mean(-1, keepdim=True)) / size

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        y, size = ctx.saved_tensors
        axes = (1, 2) if wrong else (2,)
        mean, product = up.mean(axes, keepdim=True), (up * y).mean(axes, keepdim=True)
        return (up - mean - y * product) / size

    return function(forward, backward)
