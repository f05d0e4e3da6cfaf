"""Bugs at special values: zeros, masks, saturation."""

from typing import Any

import numpy as np
import torch

from ..exhibit import exhibit, function, normal, with_zeros


@exhibit(
    "jax-ml/jax#2107",
    2020,
    "The gradient of softplus at 0 was 0, not 1/2: that of a maximum and an absolute value.",
    lambda rng, N: (with_zeros(rng, N),),
)
def softplus_at_zero(wrong: bool) -> Any:
    def forward(x: np.ndarray) -> np.ndarray:
        return np.logaddexp(x, 0)

    def backward(up: np.ndarray, x: np.ndarray) -> np.ndarray:
        small = np.exp(-np.abs(x))
        if wrong:
            return up * ((x > 0) - np.sign(x) * small / (1 + small))
        return up * np.where(x > 0, 1, small) / (1 + small)

    return forward, backward


def rows_with_zeros(rng: np.random.Generator, N: int, D: int) -> tuple[torch.Tensor]:
    return (normal(rng, N, D) * torch.tensor(rng.random((N, 1)) < 0.6),)


@exhibit(
    "pytorch/pytorch#2421",
    2017,
    "The gradient of the norm of a zero vector was NaN.",
    rows_with_zeros,
)
def norm_of_zero(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x.norm(dim=1)

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        size = x.norm(dim=1, keepdim=True)
        unit = x / size if wrong else torch.where(size > 0, x / size, 0)
        return up[:, None] * unit

    return function(forward, backward)


@exhibit(
    "tensorflow/tensorflow#119430",
    2026,
    "The gradient of the cumulative product at a zero was 0: it divided by the entry, without NaN.",
    lambda rng, N: (with_zeros(rng, N),),
)
def cumulative_product_of_zeros(wrong: bool) -> Any:
    def backward(up: np.ndarray, x: np.ndarray) -> np.ndarray:
        if wrong:
            sums = np.cumsum((up * np.cumprod(x))[::-1])[::-1]
            return np.divide(sums, x, out=np.zeros_like(x), where=x != 0)
        before = np.concatenate([np.ones(1), np.cumprod(x)[:-1]])
        tail = np.zeros_like(x)
        for i in reversed(range(len(x))):
            tail[i] = up[i] + (x[i + 1] * tail[i + 1] if i + 1 < len(x) else 0)
        return before * tail

    return lambda x: np.cumprod(x), backward


@exhibit(
    "jax-ml/jax#764",
    2019,
    "The gradient of tanh was NaN for large arguments, where an overflow was divided by another.",
    lambda rng, N: (400 * rng.standard_normal(N),),
)
def tanh_of_large_numbers(wrong: bool) -> Any:
    def backward(up: np.ndarray, x: np.ndarray) -> np.ndarray:
        if not wrong:
            return up * (1 - np.tanh(x) ** 2)
        with np.errstate(all="ignore"):
            sine, cosine = np.exp(x) - np.exp(-x), np.exp(x) + np.exp(-x)
            return up * (cosine**2 - sine**2) / cosine**2

    return lambda x: np.tanh(x), backward


@exhibit(
    "pytorch/pytorch#82644",
    2022,
    "The gradient of the product of a single entry was a scalar without axes if that entry was 0.",
    lambda rng, N: (with_zeros(rng, N),),
)
def product_of_one_zero(wrong: bool) -> Any:
    def backward(up: Any, x: np.ndarray) -> np.ndarray:
        if wrong and len(x) == 1 and x[0] == 0:
            return np.asarray(up)
        others = [np.prod(np.delete(x, i)) for i in range(len(x))]
        return up * np.array(others)

    return lambda x: np.prod(x), backward


@exhibit(
    "jax-ml/jax#383",
    2019,
    "The gradient of a square root at 0 was infinite, so that 0 times it, behind a mask, was NaN.",
    rows_with_zeros,
)
def square_root_behind_a_mask(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        size = x.square().sum(1).sqrt()
        return torch.where(size > 0.05, size, 0.05)

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        size = x.square().sum(1).sqrt()
        d = torch.where(size > 0.05, up, 0)
        d = d / size if wrong else torch.where(d == 0, 0, d / size)
        return d[:, None] * x

    return function(forward, backward)


def input_and_mask(rng: np.random.Generator, N: int) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor(with_zeros(rng, N)), torch.tensor(rng.random(N) < 0.5)


@exhibit(
    "kaldi-asr/kaldi#3890",
    2020,
    "Dropout's mask was inferred from output and input, so that a zero input counted as kept.",
    input_and_mask,
)
def dropout_of_zeros(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        y = 2 * x * mask
        ctx.save_for_backward(x, y, mask)
        return y

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        x, y, mask = ctx.saved_tensors
        return up * torch.where(x == 0, 1, y / x) if wrong else up * 2 * mask, None

    return function(forward, backward)


@exhibit(
    "apache/mxnet#17893",
    2020,
    "The gradient of where(mask, x, scalar) went to the entries that the mask leaves out.",
    lambda rng, N: (rng.standard_normal(N), rng.random(N) < 0.5),
)
def where_of_the_others(wrong: bool) -> Any:
    def backward(up: np.ndarray, x: np.ndarray, mask: np.ndarray) -> tuple[Any, None]:
        return np.where(mask != wrong, up, 0.0), None

    return lambda x, mask: np.where(mask, x, -1.0), backward
