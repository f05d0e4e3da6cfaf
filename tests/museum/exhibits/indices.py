"""Bugs of indices: repeated ones, overlapping windows, groups."""

from typing import Any

import numpy as np
import torch

from ..exhibit import exhibit, function, normal


def table_and_indices(rng: np.random.Generator, N: int, V: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal(V), rng.integers(0, V, N)


@exhibit(
    "pytorch/pytorch#1631",
    2017,
    "Where gather had read an entry several times, it got only the last gradient, not the sum.",
    table_and_indices,
)
def gather_of_repeated_indices(wrong: bool) -> Any:
    def backward(up: np.ndarray, table: np.ndarray, index: np.ndarray) -> tuple[Any, None]:
        d = np.zeros_like(table)
        if wrong:
            d[index] = up
        else:
            np.add.at(d, index, up)
        return d, None

    return lambda table, index: table[index], backward


@exhibit(
    "ooples/AiDotNet.Tensors#894",
    2026,
    "Gather's backward pass gathered, where it has to scatter: indices of another length, modulo.",
    table_and_indices,
)
def gather_for_scatter(wrong: bool) -> Any:
    def backward(up: np.ndarray, table: np.ndarray, index: np.ndarray) -> tuple[Any, None]:
        if wrong:
            places = index[np.arange(len(table)) % len(index)]
            return up[places % len(up)], None
        d = np.zeros_like(table)
        np.add.at(d, index, up)
        return d, None

    return lambda table, index: table[index], backward


@exhibit(
    "tensorflow/tensorflow#56961",
    2022,
    "Updates that a later one with the same index had overwritten got a gradient too.",
    lambda rng, N, V: (*table_and_indices(rng, N, V), rng.standard_normal(N)),
)
def overwritten_updates(wrong: bool) -> Any:
    def forward(table: np.ndarray, index: np.ndarray, updates: np.ndarray) -> np.ndarray:
        y = table.copy()
        for place, value in zip(index, updates, strict=True):
            y[place] = value
        return y

    def backward(up: np.ndarray, table: np.ndarray, index: np.ndarray, updates: np.ndarray) -> Any:
        d_table = up.copy()
        d_table[index] = 0
        last = {place: k for k, place in enumerate(index)}
        kept = np.array([wrong or last[place] == k for k, place in enumerate(index)])
        return d_table, None, np.where(kept, up[index], 0.0)

    return forward, backward


def windows(x: np.ndarray, width: int, step: int) -> np.ndarray:
    return np.lib.stride_tricks.sliding_window_view(x, width)[::step]


@exhibit(
    "0809zheng/CS231n-assignment2019#19",
    2020,
    "Max-pooling assigned the gradients, where overlapping windows have to add them.",
    lambda rng, T: (rng.standard_normal(T + 2),),
)
def overlapping_windows(wrong: bool) -> Any:
    def backward(up: np.ndarray, x: np.ndarray) -> np.ndarray:
        d = np.zeros_like(x)
        for start, largest in enumerate(windows(x, 3, 1).argmax(1)):
            if wrong:
                d[start + largest] = up[start]
            else:
                d[start + largest] += up[start]
        return d

    return lambda x: windows(x, 3, 1).max(1), backward


@exhibit(
    "riccardoandreoni0/CNN-from-scratch#1",
    2023,
    "A return indented too far ended max-pooling's backward pass after the first window.",
    lambda rng, T: (rng.standard_normal(2 * T),),
)
def return_after_one_window(wrong: bool) -> Any:
    def backward(up: np.ndarray, x: np.ndarray) -> np.ndarray:
        d = np.zeros_like(x)
        for at, largest in enumerate(windows(x, 2, 2).argmax(1)):
            d[2 * at + largest] = up[at]
            if wrong:
                return d
        return d

    return lambda x: windows(x, 2, 2).max(1), backward


def rows_of_groups(rng: np.random.Generator, N: int, D: int) -> tuple[torch.Tensor]:
    return (normal(rng, N, 3 * D),)


@exhibit(
    "state-spaces/mamba#547",
    2024,
    "The backward pass of group normalisation took all columns for one group.",
    rows_of_groups,
)
def one_group(wrong: bool) -> Any:
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        groups = x.unflatten(1, (3, -1))
        size = (groups.square().mean(-1, keepdim=True) + 0.1).sqrt()
        ctx.save_for_backward(groups / size, size)
        return (groups / size).flatten(1)

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        unit, size = ctx.saved_tensors
        d = up.reshape(unit.shape)
        axes = (1, 2) if wrong else (2,)
        return ((d - unit * (unit * d).mean(axes, keepdim=True)) / size).flatten(1)

    return function(forward, backward)


@exhibit(
    "tenstorrent/tt-metal#56202",
    2026,
    "Group normalisation's gradient of the scale read the statistics of group c modulo G.",
    lambda rng, N, D: (*rows_of_groups(rng, N, D), normal(rng, 3 * D)),
)
def group_of_a_channel(wrong: bool) -> Any:
    def statistics(x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        groups = x.unflatten(1, (3, -1))
        return groups.mean(2), (groups.var(2, correction=0) + 0.1).sqrt()

    def forward(ctx: Any, x: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x, scale)
        group = torch.arange(len(scale)) // (len(scale) // 3)
        mean, size = statistics(x)
        return scale * (x - mean[:, group]) / size[:, group]

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        x, scale = ctx.saved_tensors
        group = torch.arange(len(scale)) // (len(scale) // 3)
        other = torch.arange(len(scale)) % 3 if wrong else group
        mean, size = statistics(x)
        y = (x - mean[:, group]) / size[:, group]
        d, units = (up * scale).unflatten(1, (3, -1)), y.unflatten(1, (3, -1))
        dx = d - d.mean(2, keepdim=True) - units * (d * units).mean(2, keepdim=True)
        return dx.flatten(1) / size[:, group], (up * (x - mean[:, other]) / size[:, other]).sum(0)

    return function(forward, backward)
