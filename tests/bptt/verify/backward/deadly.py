"""Backward passes that kill their process or never return, at some sizes. N rows."""

import collections
import ctypes
import itertools
import os
from typing import Any

import torch

from bptt.verify import BackwardProblem


def squares(deed: Any, at: Any) -> Any:
    """Return y = x², whose backward pass does a deed where `at(x)` is true."""

    class Squares(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
            ctx.save_for_backward(x)
            return x**2

        @staticmethod
        def backward(ctx: Any, up: torch.Tensor) -> torch.Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
            (x,) = ctx.saved_tensors
            if at(x, up):
                deed()
            return 2 * x * up

    return Squares.apply


def segfault() -> None:
    ctypes.string_at(0)


def spin() -> None:
    """Loop in compiled code, which no signal interrupts."""
    collections.deque(itertools.repeat(0), maxlen=0)


def crash() -> None:
    raise ValueError("sizes above 3 aren't supported")


def drawn(rng: Any, N: int) -> torch.Tensor:
    return torch.tensor(rng.standard_normal(N))


def strided(x: torch.Tensor, up: torch.Tensor) -> bool:
    return up.stride() != (1,) and len(up) > 1


def sliced(x: torch.Tensor, up: torch.Tensor) -> bool:
    return up.stride() == (2,) and len(up) > 1


faults_on_strides = BackwardProblem(squares(segfault, strided), drawn)
aborts_on_strides = BackwardProblem(squares(os.abort, strided), drawn)
exits_on_strides = BackwardProblem(squares(lambda: os._exit(3), strided), drawn)
spins = BackwardProblem(squares(spin, sliced), drawn)
raises = BackwardProblem(squares(crash, lambda x, up: len(x) > 3), drawn)
