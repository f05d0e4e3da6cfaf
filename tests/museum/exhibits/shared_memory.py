"""Bugs of writing into memory that others still use, or reading what nobody wrote."""

from typing import Any

import numpy as np
import torch

from ..exhibit import exhibit, function, labelled, normal


@exhibit(
    "linkedin/Liger-Kernel#254",
    2024,
    "SwiGLU's backward pass wrote the gradients into its inputs, which others may have saved.",
    lambda rng, N, D: (normal(rng, N, D), normal(rng, N, D)),
)
def gradients_into_the_inputs(wrong: bool) -> Any:
    def forward(ctx: Any, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(a, b)
        return a * torch.sigmoid(a) * b

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        a, b = ctx.saved_tensors
        s = torch.sigmoid(a)
        da, db = up * b * s * (1 + a * (1 - s)), up * a * s
        if wrong:  # as a kernel does it: PyTorch's count of the versions of a tensor stays
            a.data.copy_(da)
            b.data.copy_(db)
        return da, db

    return function(forward, backward)


@exhibit(
    "linkedin/Liger-Kernel#272",
    2024,
    "The forward pass of the cross-entropy wrote the gradient into the logits it was given.",
    labelled,
)
def gradient_into_the_logits(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        one_hot = torch.nn.functional.one_hot(labels, x.shape[1])
        loss = -(x.log_softmax(1) * one_hot).sum()
        d = x.softmax(1) - one_hot
        ctx.d = x.data.copy_(d) if wrong else d
        return loss

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        return up * ctx.d, None

    return function(forward, backward)


def steps_and_weights(rng: np.random.Generator, T: int, D: int) -> tuple[torch.Tensor, ...]:
    return normal(rng, T, D), normal(rng, D, D), normal(rng, D, D)


@exhibit(
    "apache/mxnet#18203",
    2020,
    "One direction of an LSTM wrote its result over the gradient that the other had yet to read.",
    steps_and_weights,
)
def gradient_overwritten_too_early(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, ahead: torch.Tensor, back: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, ahead, back)
        return torch.sin(x @ ahead) + torch.cos(x.flip(0) @ back)

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        x, ahead, back = ctx.saved_tensors
        d = up * torch.cos(x @ ahead)
        dx, d_ahead = d @ ahead.T, x.T @ d
        if wrong:
            up = up.copy_(dx)
        d = -up * torch.sin(x.flip(0) @ back)
        return dx + (d @ back.T).flip(0), d_ahead, x.flip(0).T @ d

    return function(forward, backward)


@exhibit(
    "pytorch/pytorch#2929",
    2017,
    "The backward pass of zero_ returned a new tensor that nobody had set to zero.",
    lambda rng, N, D: (normal(rng, N, D), normal(rng, N, D)),
)
def zeros_that_nobody_wrote(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return x.clone().zero_() + other

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        return torch.empty_like(up) if wrong else torch.zeros_like(up), up.clone()

    return function(forward, backward)


def segments(rng: np.random.Generator, N: int) -> tuple[np.ndarray, np.ndarray]:
    lengths = rng.integers(1, 6, N)
    return rng.standard_normal(lengths.sum()), lengths


@exhibit(
    "pytorch/FBGEMM#5754",
    2026,
    "Entries that the forward pass had cut off got uninitialised memory for a gradient.",
    segments,
)
def entries_cut_off(wrong: bool) -> Any:
    longest = 3

    def forward(x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        packed = np.zeros((len(lengths), longest), x.dtype)
        for row, end, length in zip(packed, np.cumsum(lengths), lengths, strict=True):
            kept = min(length, longest)
            row[:kept] = x[end - length : end - length + kept]
        return packed

    def backward(up: np.ndarray, x: np.ndarray, lengths: np.ndarray) -> tuple[Any, None]:
        d = np.empty_like(x) if wrong else np.zeros_like(x)
        for row, end, length in zip(up, np.cumsum(lengths), lengths, strict=True):
            kept = min(length, longest)
            d[end - length : end - length + kept] = row[:kept]
        return d, None

    return forward, backward


def sequence_and_its_end(rng: np.random.Generator, T: int, D: int) -> tuple[Any, Any, int]:
    rows, weights = rng.standard_normal((T + 1, D)), rng.standard_normal((D, D))
    return rows, weights, int(rng.integers(1, T + 1))


@exhibit(
    "fla-org/flash-linear-attention#892",
    2026,
    "Rows beyond the last sequence were never written, and the next product summed over them.",
    sequence_and_its_end,
)
def rows_beyond_the_end(wrong: bool) -> Any:
    def forward(x: np.ndarray, weights: np.ndarray, end: int) -> np.ndarray:
        y = np.zeros_like(x)
        y[:end] = np.cumsum((x @ weights)[:end], 0)
        return y

    def backward(up: np.ndarray, x: np.ndarray, weights: np.ndarray, end: int) -> Any:
        d = np.empty_like(up) if wrong else np.zeros_like(up)
        d[:end] = np.cumsum(up[:end][::-1], 0)[::-1]
        return d @ weights.T, x.T @ d, None

    return forward, backward
