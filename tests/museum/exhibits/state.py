"""Bugs of what a backward pass remembers: buffers, caches, random numbers, nodes, identities."""

from typing import Any

import numpy as np
import torch

from ..exhibit import exhibit, function, normal


@exhibit(
    "MakazhanAlpamys/Soup#331",
    2026,
    "The weights for the backward pass were a buffer that the next layer's forward pass refilled.",
    lambda rng, N, D: (normal(rng, N, D), normal(rng, D, D)),
)
def buffer_of_the_next_layer(wrong: bool) -> Any:
    pool: dict[Any, torch.Tensor] = {}

    def forward(ctx: Any, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        key = (weights.shape, weights.dtype)
        buffer = pool.setdefault(key, torch.empty_like(weights)) if wrong else weights.clone()
        ctx.weights = buffer.copy_(weights)
        return x @ ctx.weights

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        (x,) = ctx.saved_tensors
        return up @ ctx.weights.T, x.T @ up

    return function(forward, backward)


@exhibit(
    "bshillingford/autobw.torch#7",
    2015,
    "Where paths meet, the cached gradient was right the first time only: it kept the last one.",
    lambda rng, N: (rng.standard_normal(N),),
)
def cache_of_the_last_call(wrong: bool) -> Any:
    cache: dict[Any, np.ndarray] = {}

    def backward(up: np.ndarray, x: np.ndarray) -> np.ndarray:
        sum_of_paths = cache.setdefault((x.shape, x.dtype), np.zeros_like(x))
        if not wrong:
            sum_of_paths[:] = 0
        sum_of_paths += up * np.cos(x)
        sum_of_paths += up * 2 * x
        return sum_of_paths.copy()

    return lambda x: np.sin(x) + x * x, backward


@exhibit(
    "pytorch/pytorch#190717",
    2026,
    "Dropout, computed again for the backward pass, drew another mask than the forward pass had.",
    lambda rng, N, D: (normal(rng, N, D), int(rng.integers(1000))),
)
def another_mask(wrong: bool) -> Any:
    def mask(shape: Any, seed: int | None) -> torch.Tensor:
        generator = None if seed is None else torch.Generator().manual_seed(seed)
        return torch.rand(shape, generator=generator, dtype=torch.float64) < 0.5

    def forward(ctx: Any, x: torch.Tensor, seed: int) -> torch.Tensor:
        ctx.seed = seed
        return 2 * x * mask(x.shape, seed)

    def backward(ctx: Any, up: torch.Tensor) -> Any:
        return 2 * up * mask(up.shape, None if wrong else ctx.seed), None

    return function(forward, backward)


@exhibit(
    "tensorflow/tensorflow#36999",
    2020,
    "The gradients of one tensor, passed as two arguments, were confused: a dictionary by tensor.",
    lambda rng, N: (rng.standard_normal(N), rng.standard_normal(N)),
)
def told_by_identity(wrong: bool) -> Any:
    def backward(up: np.ndarray, a: np.ndarray, b: np.ndarray) -> Any:
        slopes = [(a, up * b * b), (b, up * 2 * a * b)]
        if wrong:
            by_array = {id(value): slope for value, slope in slopes}
            return by_array[id(a)], by_array[id(b)]
        return tuple(slope for _, slope in slopes)

    return lambda a, b: a * b * b, backward


class Node:
    """A number in a graph, with the nodes it came from and the derivatives with respect to them."""

    def __init__(self, value: Any, *parents: tuple["Node", Any]) -> None:
        self.value, self.parents, self.slope = value, parents, np.zeros_like(value)

    def __mul__(self, other: "Node") -> "Node":
        return Node(self.value * other.value, (self, other.value), (other, self.value))

    def __add__(self, other: "Node") -> "Node":
        one = np.ones_like(self.value)
        return Node(self.value + other.value, (self, one), (other, one))


@exhibit(
    "sebgao/cTensor#5",
    2021,
    "A node with several uses passed on, at each of them, what it had passed on before as well.",
    lambda rng, N: (rng.standard_normal(N),),
)
def passed_on_at_every_use(wrong: bool) -> Any:
    def at_every_use(node: Node, slope: Any) -> None:
        node.slope = node.slope + slope
        for parent, derivative in node.parents:
            at_every_use(parent, (node.slope if wrong else slope) * derivative)

    def both(x: np.ndarray) -> tuple[Any, tuple[np.ndarray]]:
        leaf = Node(x)
        square = leaf * leaf
        result = square * leaf + square
        at_every_use(result, np.ones_like(x))
        return result.value.sum(), (leaf.slope,)

    return both
