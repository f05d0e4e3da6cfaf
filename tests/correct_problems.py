"""Correct gradients in the shapes that people write them in, families of them for false alarms.

Losses that are not analytic (variances, absolute values, norms), one function for loss and
gradient with buffers filled in place, arithmetic in float32 whatever comes in, torch's own habits.

N rows, D columns, T steps, H hidden units, V symbols.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from bptt.verify import GradientProblem

Problem = Callable[..., GradientProblem]


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

        return _over_tensors(values, loss, gradient)

    return problem


def _over_tensors(values: dict[str, Any], loss: Any, gradient: Any) -> GradientProblem:
    def of_tensors(p: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        found = gradient({name: value.numpy() for name, value in p.items()})
        return {name: torch.from_numpy(np.asarray(value)) for name, value in found.items()}

    tensors = {name: torch.from_numpy(value) for name, value in values.items()}
    return GradientProblem(tensors, loss, of_tensors)


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


def characters(T: int, H: int, V: int, rng: np.random.Generator) -> GradientProblem:
    """One function gives loss and gradients; its buffers are filled in place."""
    x, y = rng.integers(0, V, T), rng.integers(0, V, T)

    def both(p):
        Wxh, Whh, Why, bh, by = (p[name] for name in ("Wxh", "Whh", "Why", "bh", "by"))
        hs, ps, loss = {-1: np.zeros((H, 1))}, {}, 0
        for t in range(T):
            one = np.zeros((V, 1))
            one[x[t]] = 1
            hs[t] = np.tanh(Wxh @ one + Whh @ hs[t - 1] + bh)
            e = np.exp(Why @ hs[t] + by)
            ps[t] = e / np.sum(e)
            loss += -np.log(ps[t][y[t], 0])
        dWxh, dWhh, dWhy = np.zeros_like(Wxh), np.zeros_like(Whh), np.zeros_like(Why)
        dbh, dby, after = np.zeros_like(bh), np.zeros_like(by), np.zeros_like(hs[0])
        for t in reversed(range(T)):
            dy = np.copy(ps[t])
            dy[y[t]] -= 1
            dWhy += dy @ hs[t].T
            dby += dy
            dh = (1 - hs[t] * hs[t]) * (Why.T @ dy + after)
            dbh += dh
            dWxh[:, x[t]] += dh[:, 0]
            dWhh += dh @ hs[t - 1].T
            after = Whh.T @ dh
        return loss, {"Wxh": dWxh, "Whh": dWhh, "Why": dWhy, "bh": dbh, "by": dby}

    shapes = {"Wxh": (H, V), "Whh": (H, H), "Why": (V, H), "bh": (H, 1), "by": (V, 1)}
    drawn = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    return GradientProblem(drawn, lambda p: both(p)[0], lambda p: both(p)[1])


def classifier(N: int, D: int, V: int, rng: np.random.Generator) -> GradientProblem:
    """One function again: two layers, a softmax with its largest logit taken off, a penalty."""
    x, y = rng.standard_normal((N, D)), rng.integers(0, V, N)

    def both(p):
        h = np.maximum(0, x @ p["W1"] + p["b1"])
        scores = h @ p["W2"] + p["b2"]
        scores = scores - scores.max(axis=1, keepdims=True)
        probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        loss = -np.log(probabilities[np.arange(N), y]).mean() + 0.05 * (p["W1"] ** 2).sum()
        grads = {name: np.zeros_like(value) for name, value in p.items()}
        dscores = probabilities.copy()
        dscores[np.arange(N), y] -= 1
        dscores /= N
        grads["W2"] += h.T @ dscores
        grads["b2"] += dscores.sum(0)
        dh = dscores @ p["W2"].T
        dh[h <= 0] = 0
        grads["W1"] += x.T @ dh + 0.1 * p["W1"]
        grads["b1"] += dh.sum(0)
        return loss, grads

    shapes = {"W1": (D, 3), "b1": (3,), "W2": (3, V), "b2": (V,)}
    drawn = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    return GradientProblem(drawn, lambda p: both(p)[0], lambda p: both(p)[1])


def into_buffers(T: int, H: int, rng: np.random.Generator) -> GradientProblem:
    """States are written into an array of zeros."""
    up = rng.standard_normal((T, H))

    def states(p):
        a = np.zeros((T + 1, H))
        for t in range(T):
            a[t + 1] = np.tanh(p["W"] @ a[t] + p["b"])
        return a

    def gradient(p):
        a, d = states(p), np.zeros(H)
        g = {"W": np.zeros((H, H)), "b": np.zeros(H)}
        for t in reversed(range(T)):
            d = (d + up[t]) * (1 - a[t + 1] ** 2)
            g["W"] += np.outer(d, a[t])
            g["b"] += d
            d = p["W"].T @ d
        return g

    drawn = {"W": rng.standard_normal((H, H)), "b": rng.standard_normal(H)}
    return GradientProblem(drawn, lambda p: (states(p)[1:] * up).sum(), gradient)


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

        def of_tensors(p):
            w = p["w"].float()
            return (
                torch.tanh(torch.from_numpy(x).float() @ w + p["b"].float())
                @ torch.from_numpy(up).float()
            )

        return _over_tensors(drawn, of_tensors, gradient)

    return problem


def leaf(N: int, rng: np.random.Generator) -> GradientProblem:
    """A gradient read off a leaf of torch's own graph."""

    def gradient(p):
        w = p["w"].requires_grad_()
        (w**3).sum().backward()
        return {"w": w.grad}

    return GradientProblem(
        {"w": torch.tensor(rng.standard_normal(N))}, lambda p: (p["w"] ** 3).sum(), gradient
    )


FAMILIES: dict[str, Problem] = {
    "batch norm": normalization(0),
    "layer norm": normalization(1),
    "batch norm in torch": normalization(0, torch_too=True),
    "layer norm in torch": normalization(1, torch_too=True),
    "group norm": group_norm,
    "lasso": lasso,
    "huber": huber,
    "cosine similarity": cosine,
    "standard deviation": deviation,
    "detach": stopped,
    "characters, one function": characters,
    "classifier, one function": classifier,
    "written into zeros": into_buffers,
    "float32 inside": single_inside("all"),
    "float32 in the loss": single_inside("loss"),
    "float32 in the gradient": single_inside("gradient"),
    "float32 in torch": single_inside("torch"),
    "leaf of a graph": leaf,
}
