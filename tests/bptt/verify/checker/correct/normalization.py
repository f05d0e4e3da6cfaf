"""Normalisations: their variances and standard deviations are not analytic.

N rows, D columns.
"""

from typing import Any

import numpy as np
import torch

from bptt.verify import GradientProblem

from .tensors import Problem, over_tensors


def normalization(axis: int, *, torch_too: bool = False) -> Problem:
    """Make a normalisation over an axis with a gain and a bias, as batch and layer norm are."""

    def problem(N: int, D: int, rng: np.random.Generator) -> GradientProblem:
        x, up = rng.standard_normal((N + 1, D + 1)), rng.standard_normal((N + 1, D + 1))
        shape = (1, D + 1) if axis == 0 else (N + 1, 1)
        values = {"x": x, "g": rng.standard_normal(shape), "b": rng.standard_normal(shape)}

        def forward(p: dict[str, Any]) -> tuple[Any, Any]:
            deviation = np.sqrt(p["x"].var(axis, keepdims=True) + 1e-5)
            return (p["x"] - p["x"].mean(axis, keepdims=True)) / deviation, deviation

        def gradient(p: dict[str, Any]) -> dict[str, Any]:
            y, deviation = forward(p)
            dy = up * p["g"]
            back = dy - dy.mean(axis, keepdims=True) - y * (dy * y).mean(axis, keepdims=True)
            return {
                "x": back / deviation,
                "g": (up * y).sum(axis, keepdims=True),
                "b": up.sum(axis, keepdims=True),
            }

        if not torch_too:
            return GradientProblem(
                values, lambda p: ((forward(p)[0] * p["g"] + p["b"]) * up).sum(), gradient
            )
        cotangent = torch.from_numpy(up)

        def loss(p: dict[str, torch.Tensor]) -> torch.Tensor:
            spread = p["x"].var(axis, keepdim=True, correction=0)
            y = (p["x"] - p["x"].mean(axis, keepdim=True)) / torch.sqrt(spread + 1e-5)
            return ((y * p["g"] + p["b"]) * cotangent).sum()

        return over_tensors(values, loss, gradient)

    return problem


def group_norm(N: int, D: int, rng: np.random.Generator) -> GradientProblem:
    x, up = rng.standard_normal((N, 2, D + 1)), rng.standard_normal((N, 2, D + 1))

    def forward(p):
        deviation = np.std(p["x"], axis=2, keepdims=True) + 1e-3
        return (p["x"] - np.mean(p["x"], axis=2, keepdims=True)) / deviation, deviation

    def gradient(p):
        y, deviation = forward(p)
        spread = deviation - 1e-3
        back = up - up.mean(2, keepdims=True)
        return {"x": (back - y * deviation / spread * (up * y).mean(2, keepdims=True)) / deviation}

    return GradientProblem({"x": x}, lambda p: (forward(p)[0] * up).sum(), gradient)
