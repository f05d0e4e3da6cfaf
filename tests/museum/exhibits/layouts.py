"""Bugs of kernels that read memory as if an array that isn't contiguous were."""

from typing import Any

import numpy as np
import torch

from ..exhibit import array, exhibit, function, layer, matrix, normal


def from_memory(x: torch.Tensor) -> torch.Tensor:
    """Return the entries that follow the first one in memory, in order, as a kernel reads them."""
    strides = torch.empty(x.shape, device="meta").stride()
    return torch.as_strided(x, x.shape, strides, x.storage_offset())


@exhibit(
    "Dao-AILab/flash-attention#355",
    2023,
    "The backward pass of attention was wrong if the gradient from above wasn't contiguous.",
    lambda rng, T, D: (normal(rng, T, D), normal(rng, T, D), normal(rng, T, D)),
)
def attention_of_a_strided_gradient(wrong: bool) -> Any:
    def forward(ctx: Any, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
        p = (q @ k.T).softmax(1)
        ctx.save_for_backward(q, k, v, p)
        return p @ v

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        q, k, v, p = ctx.saved_tensors
        up = from_memory(up) if wrong else up
        d = up @ v.T
        d = p * (d - (d * p).sum(1, keepdim=True))
        return d @ k, d.T @ q, p.T @ up

    return function(forward, backward)


@exhibit(
    "torch/nn#345",
    2015,
    "The backward pass of a mean was wrong for a strided gradient, as that of another mean is.",
    matrix,
)
def mean_of_a_mean(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.columns = x.shape[1]
        return x.mean(1)

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        up = from_memory(up) if wrong else up
        return (up / ctx.columns)[:, None].expand(-1, ctx.columns).clone()

    return function(forward, backward)


@exhibit(
    "huggingface/candle#3735",
    2026,
    "The gradients of a convolution were wrong for a kernel that isn't contiguous.",
    lambda rng, N, D: (normal(rng, N, D), normal(rng, D, D)),
)
def transposed_weights(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, weights)
        return x @ weights

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        x, weights = ctx.saved_tensors
        read = from_memory(weights) if wrong else weights
        return up @ read.T, x.T @ up

    return function(forward, backward)


@exhibit(
    "torch/DEPRECEATED-torch7-distro#5",
    2011,
    "The backward pass of a reshape took for granted that its argument is contiguous.",
    array,
)
def reshape_in_memory_order(wrong: bool) -> Any:
    def backward(up: np.ndarray, x: np.ndarray) -> np.ndarray:
        return up.ravel(order="K" if wrong else "C").reshape(x.shape)

    return lambda x: x.reshape(x.shape[::-1]), backward


@exhibit(
    "cornellius-gp/gpytorch#1543",
    2021,
    "The kernel's parameters got no gradient if the points weren't contiguous.",
    layer,
)
def no_gradient_for_strided_points(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, scale)
        ctx.known = x.is_contiguous()
        return torch.exp(-((x * scale) ** 2).sum(1))

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        x, scale = ctx.saved_tensors
        d = -2 * (up * torch.exp(-((x * scale) ** 2).sum(1)))[:, None] * x * scale
        return d * scale, None if wrong and not ctx.known else (d * x).sum(0)

    return function(forward, backward)
