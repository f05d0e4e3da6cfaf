"""Code that computes in float32, whatever it is given.

N rows, D columns, T steps, H hidden units.
"""

import numpy as np
import torch

from bptt.verify import GradientProblem

from .tensors import Problem, over_tensors


def single_inside(kind: str) -> Problem:
    """Make a layer that computes in float32: all of it, its loss only, or its gradient only."""

    def problem(N: int, D: int, rng: np.random.Generator) -> GradientProblem:
        x, up = rng.standard_normal((N, D)), rng.standard_normal(N)

        def layer(p, dtype):
            return np.tanh(x.astype(dtype) @ p["w"].astype(dtype) + p["b"].astype(dtype))

        def loss(p):
            a = layer(p, "f8" if kind == "gradient" else "f4")
            return float(a @ up.astype(a.dtype))

        def gradient(p):
            a = layer(p, "f8" if kind == "loss" else "f4")
            d = up.astype(a.dtype) * (1 - a * a)
            return {"w": x.astype(a.dtype).T @ d, "b": d.sum()}

        drawn = {"w": rng.standard_normal(D), "b": np.array(rng.standard_normal())}
        if kind != "torch":
            return GradientProblem(drawn, loss, gradient)

        def tensor_gradient(p):
            w = p["w"].float()
            return (
                torch.tanh(torch.from_numpy(x).float() @ w + p["b"].float())
                @ torch.from_numpy(up).float()
            )

        return over_tensors(drawn, tensor_gradient, gradient)

    return problem


def single_buffers(T: int, H: int, rng: np.random.Generator) -> GradientProblem:
    """States kept in a buffer of float32; the rest is float64."""
    up = rng.standard_normal(H)

    def states(p):
        a = np.zeros((T + 1, H), dtype="f")
        for t in range(T):
            a[t + 1] = np.tanh(p["W"] @ a[t] + p["b"])
        return a

    def gradient(p):
        a, d = states(p), up
        g = {"W": np.zeros((H, H)), "b": np.zeros(H)}
        for t in reversed(range(T)):
            d = d * (1 - a[t + 1] ** 2)
            g["W"] += np.outer(d, a[t])
            g["b"] += d
            d = p["W"].T @ d
        return g

    drawn = {"W": rng.standard_normal((H, H)), "b": rng.standard_normal(H)}
    return GradientProblem(drawn, lambda p: states(p)[-1] @ up, gradient)
