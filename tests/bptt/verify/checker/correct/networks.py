"""Networks whose loss and gradient are one function, or that write into buffers of their own.

N rows, D columns, T steps, H hidden units, V symbols.
"""

import numpy as np

from bptt.verify import GradientProblem


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
