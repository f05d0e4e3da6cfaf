"""An exhibit: a bug of a published backward pass, written anew, wrong and right by a flag.

N, T rows or steps, D, E columns, V symbols.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch


@dataclass(frozen=True)
class Exhibit:
    """A bug of a backward pass that somebody reported, and its correction.

    `source` is the reference: owner/name#number, with the year of the report. `what` is one
    sentence on what was wrong. `make(wrong)` returns the function, in one of the forms that
    `verify_backward` takes, and `inputs` draws its arguments for given sizes. `kind` is the module.
    `dtypes` are the lower precisions to verify as well: by default float32, as everywhere.
    """

    name: str
    source: str
    year: int
    what: str
    make: Callable[[bool], Any]
    inputs: Callable[..., Any]
    kind: str
    dtypes: tuple[str, ...] = ("float32",)


def exhibit(
    source: str,
    year: int,
    what: str,
    inputs: Callable[..., Any],
    dtypes: tuple[str, ...] = ("float32",),
) -> Callable[[Callable[[bool], Any]], Exhibit]:
    """Make an exhibit of the function below, whose name it gets."""

    def made(make: Callable[[bool], Any]) -> Exhibit:
        kind = make.__module__.rpartition(".")[2].replace("_", " ")
        name = make.__name__.replace("_", " ")
        return Exhibit(name, source, year, what, make, inputs, kind, dtypes)

    return made


def function(forward: Callable[..., Any], backward: Callable[..., Any]) -> Any:
    """Return `forward(ctx, *inputs)` as a torch callable with this backward pass."""
    members = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    name = forward.__qualname__.split(".")[0]
    return type(name, (torch.autograd.Function,), members).apply  # pyright: ignore[reportAttributeAccessIssue]


def normal(rng: np.random.Generator, *shape: int) -> torch.Tensor:
    return torch.tensor(rng.standard_normal(shape))


def vector(rng: np.random.Generator, N: int) -> tuple[torch.Tensor]:
    return (normal(rng, N),)


def matrix(rng: np.random.Generator, N: int, D: int) -> tuple[torch.Tensor]:
    return (normal(rng, N, D),)


def layer(rng: np.random.Generator, N: int, D: int) -> tuple[torch.Tensor, torch.Tensor]:
    return normal(rng, N, D), normal(rng, D)


def array(rng: np.random.Generator, N: int, D: int) -> tuple[np.ndarray]:
    return (rng.standard_normal((N, D)),)


def layer_of_arrays(rng: np.random.Generator, N: int, D: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal((N, D)), rng.standard_normal(D)


def labelled(rng: np.random.Generator, N: int, V: int) -> tuple[torch.Tensor, torch.Tensor]:
    return normal(rng, N, V), torch.tensor(rng.integers(0, V, N))


def with_zeros(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Draw normals of which about a third are exact zeros."""
    return np.where(rng.random(shape) < 0.35, 0.0, rng.standard_normal(shape))
