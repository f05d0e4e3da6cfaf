"""Losses with absolute values, norms and detached parts, and sums that cancel.

N rows, D columns.
"""

import numpy as np
import torch

from bptt.verify import GradientProblem


def lasso(N: int, D: int, rng: np.random.Generator) -> GradientProblem:
    x, y = rng.standard_normal((N, D)), rng.standard_normal(N)

    def loss(p):
        return ((x @ p["w"] - y) ** 2).sum() + 0.3 * np.abs(p["w"]).sum()

    return GradientProblem(
        {"w": rng.standard_normal(D)},
        loss,
        lambda p: {"w": 2 * x.T @ (x @ p["w"] - y) + 0.3 * np.sign(p["w"])},
    )


def huber(N: int, D: int, rng: np.random.Generator) -> GradientProblem:
    x, y = rng.standard_normal((N, D)), rng.standard_normal(N)

    def loss(p):
        e = x @ p["w"] - y
        return np.where(np.abs(e) < 1, e * e / 2, np.abs(e) - 0.5).sum()

    return GradientProblem(
        {"w": rng.standard_normal(D)}, loss, lambda p: {"w": x.T @ np.clip(x @ p["w"] - y, -1, 1)}
    )


def cosine(N: int, rng: np.random.Generator) -> GradientProblem:
    def similarity(p):
        a, b = p["a"], p["b"]
        return a @ b / (np.linalg.norm(a) * np.linalg.norm(b))

    def gradient(p):
        a, b, s = p["a"], p["b"], similarity(p)
        na, nb = np.linalg.norm(a), np.linalg.norm(b)
        return {"a": b / (na * nb) - s * a / na**2, "b": a / (na * nb) - s * b / nb**2}

    drawn = {"a": rng.standard_normal(N + 1), "b": rng.standard_normal(N + 1)}
    return GradientProblem(drawn, similarity, gradient)


def deviation(N: int, rng: np.random.Generator) -> GradientProblem:
    """A standard deviation beside an analytic part that hides it."""

    def gradient(p):
        w = p["w"]
        return {"w": 1e-4 * (w - w.mean()) / (len(w) * w.std()) + np.cos(w)}

    drawn = {"w": rng.standard_normal(N + 1)}
    return GradientProblem(drawn, lambda p: np.sin(p["w"]).sum() + 1e-4 * p["w"].std(), gradient)


def stopped(N: int, rng: np.random.Generator) -> GradientProblem:
    """What detach hides from autograd, and the gradient by hand has."""

    def loss(p):
        x = p["x"]
        return (torch.sin(x) + 0.5 * x * x.detach()).sum()

    return GradientProblem(
        {"x": torch.tensor(rng.standard_normal(N))}, loss, lambda p: {"x": p["x"].cos() + p["x"]}
    )


def leaf(N: int, rng: np.random.Generator) -> GradientProblem:
    """A gradient read off a leaf of torch's own graph."""

    def gradient(p):
        w = p["w"].requires_grad_()
        (w**3).sum().backward()
        return {"w": w.grad}

    return GradientProblem(
        {"w": torch.tensor(rng.standard_normal(N))}, lambda p: (p["w"] ** 3).sum(), gradient
    )


def logistic(N: int, D: int, rng: np.random.Generator) -> GradientProblem:
    """Sample by sample, in scalars: log(1 - f) loses the digits that f itself keeps."""
    x = rng.random((N, D))

    def activation(p, i):
        z = np.clip(np.dot(x[i], p["w"]) + p["b"], -500, 500)
        return 1.0 / (1.0 + np.exp(-z))

    def gradient(p):
        f = [activation(p, i) for i in range(N)]
        return {"w": sum(f[i] * x[i] for i in range(N)), "b": sum(f)}

    drawn = {"w": rng.standard_normal(D), "b": np.array(rng.standard_normal())}
    return GradientProblem(
        drawn, lambda p: sum(-np.log(1 - activation(p, i)) for i in range(N)), gradient
    )


def constant(N: int, rng: np.random.Generator) -> GradientProblem:
    """A sum of probabilities: the gradient is nothing but the rounding of zero."""
    c = rng.standard_normal(N + 1)

    def probabilities(p):
        z = np.copy(c * p["x"])
        z -= np.max(z)
        np.exp(z, z)
        z /= np.sum(z)
        return z

    def gradient(p):
        q = np.array(probabilities(p))
        jacobian = np.outer(q, q)
        np.fill_diagonal(jacobian, 0.0)
        np.fill_diagonal(jacobian, -jacobian.sum(axis=0))
        return {"x": c * jacobian.sum(axis=1)}

    drawn = {"x": rng.standard_normal(N + 1)}
    return GradientProblem(drawn, lambda p: probabilities(p).sum(), gradient)
