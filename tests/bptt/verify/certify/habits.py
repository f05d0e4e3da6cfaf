"""Correct gradients as people write them: attention, convolutions, classes, embeddings, lists.

N rows, D columns, T steps, H hidden units, C channels, V symbols.
"""

import math
from typing import Any

import numpy as np
from numpy import tanh, zeros
from numpy.lib.stride_tricks import sliding_window_view

from bptt.verify import GradientProblem


def attention(T, D, rng):
    x = rng.standard_normal((T, D))
    mask = np.tril(np.ones((T, T), dtype=bool))

    def fwd(p):
        q, k, v = x @ p["Wq"], x @ p["Wk"], x @ p["Wv"]
        s = q @ k.T / math.sqrt(D)
        s = np.where(mask, s, -np.inf)
        s = s - s.max(axis=-1, keepdims=True)
        a = np.exp(s)
        a /= a.sum(-1, keepdims=True)
        return q, k, v, a, a @ v

    def grad(p):
        q, k, v, a, o = fwd(p)
        do = 2 * o
        da = do @ v.T
        ds = a * (da - (da * a).sum(-1, keepdims=True)) / np.sqrt(D)
        return {"Wq": x.T @ (ds @ k), "Wk": x.T @ (ds.T @ q), "Wv": x.T @ (a.T @ do)}

    return GradientProblem(
        {n: rng.standard_normal((D, D)) for n in ("Wq", "Wk", "Wv")},
        lambda p: float((fwd(p)[-1] ** 2).sum()),
        grad,
    )


def conv(N, C, rng):
    x = rng.standard_normal((N, C, 6, 6))
    y = rng.standard_normal((N, 2, 4, 4))

    def out(w, b):
        win = sliding_window_view(x, (3, 3), axis=(2, 3))
        return np.einsum("nchwij,ocij->nohw", win, w) + b[None, :, None, None], win

    def loss(p):
        o, _ = out(p["w"], p["b"])
        return 0.5 * np.mean((np.maximum(o, 0) - y) ** 2)

    def grad(p):
        o, win = out(p["w"], p["b"])
        d = (np.maximum(o, 0) - y) / y.size * (o > 0)
        return {"w": np.einsum("nohw,nchwij->ocij", d, win), "b": d.sum((0, 2, 3))}

    return GradientProblem(
        {"w": rng.standard_normal((2, C, 3, 3)), "b": rng.standard_normal(2)}, loss, grad
    )


def conv_loops(N, rng):
    x = rng.standard_normal((N, 5, 5))

    def out(p):
        xp = np.pad(p["x"], ((0, 0), (1, 1), (1, 1)))
        o = np.zeros((N, 5, 5))
        for i in range(5):
            for j in range(5):
                o[:, i, j] = np.sum(xp[:, i : i + 3, j : j + 3] * p["w"], axis=(1, 2))
        return xp, o

    def grad(p):
        xp, o = out(p)
        dxp = np.zeros_like(xp)
        dw = np.zeros((3, 3))
        for i in range(5):
            for j in range(5):
                dw += np.tensordot(2 * o[:, i, j], xp[:, i : i + 3, j : j + 3], axes=(0, 0))
                dxp[:, i : i + 3, j : j + 3] += 2 * o[:, i, j][:, None, None] * p["w"]
        return {"w": dw, "x": dxp[:, 1:-1, 1:-1]}

    return GradientProblem(
        {"w": rng.standard_normal((3, 3)), "x": x}, lambda p: np.square(out(p)[1]).sum(), grad
    )


class Layer:
    def __init__(self, W, b):
        self.W = W
        self.b = b
        self.dW = np.zeros_like(W)
        self.db = np.zeros_like(b)

    def forward(self, x):
        self.x = x
        self.z = x.dot(self.W) + self.b
        self.a = 1 / (1 + np.exp(-self.z))
        return self.a

    def backward(self, da):
        dz = da * self.a * (1.0 - self.a)
        self.dW += self.x.T.dot(dz)
        self.db += np.sum(dz, axis=0)
        return dz.dot(self.W.T)


def classes(N, D, rng):
    x = rng.standard_normal((N, D))
    y = rng.standard_normal((N, D))

    def net(p):
        return [Layer(p[f"W{i}"], p[f"b{i}"]) for i in range(3)]

    def loss(p):
        a = x
        for layer in net(p):
            a = layer.forward(a)
        return np.mean(np.sum((a - y) ** 2, axis=1))

    def grad(p):
        ls = net(p)
        a = x
        for layer in ls:
            a = layer.forward(a)
        d = 2 * (a - y) / N
        for layer in ls[::-1]:
            d = layer.backward(d)
        return {
            k: v
            for i, layer in enumerate(ls)
            for k, v in ((f"W{i}", layer.dW), (f"b{i}", layer.db))
        }

    return GradientProblem(
        {k: rng.standard_normal(s) for i in range(3) for k, s in ((f"W{i}", (D, D)), (f"b{i}", D))},
        loss,
        grad,
    )


def embedding(T, V, D, rng):
    ids = rng.integers(0, V, T)
    tgt = rng.integers(0, V, T)

    def fwd(p):
        e = p["E"][ids]
        z = e @ p["E"].T
        lse = np.logaddexp.reduce(z, axis=1)
        return e, z, lse

    def loss(p):
        _, z, lse = fwd(p)
        return -(z[np.arange(T), tgt] - lse).mean()

    def grad(p):
        e, z, lse = fwd(p)
        q = np.exp(z - lse[:, None])
        q[range(T), tgt] -= 1
        q /= T
        dE = q.T @ e
        np.add.at(dE, ids, q @ p["E"])
        return {"E": dE}

    return GradientProblem({"E": rng.standard_normal((V, D))}, loss, grad)


def lists(T, H, rng):
    x = [rng.standard_normal(H) for _ in range(T)]

    def fwd(W):
        hs = [zeros(H)]
        for xt in x:
            hs.append(tanh(W @ hs[-1] + xt))
        return hs

    def loss(p):
        hs = fwd(p["W"])
        L = 0
        for h in hs[1:]:
            L += 0.5 * (h.T @ h)
        return L

    def grad(p):
        hs = fwd(p["W"])
        dW = zeros((H, H))
        d = zeros(H)
        for t in range(T, 0, -1):
            d = d + hs[t]
            dz = d * (1 - hs[t] ** 2)
            dW += np.outer(dz, hs[t - 1])
            d = np.dot(p["W"].T, dz)
        return {"W": dW}

    return GradientProblem({"W": rng.standard_normal((H, H))}, loss, grad)


def svm(N, D, V, rng):
    x = rng.standard_normal((N, D))
    y = rng.integers(0, V, N)

    def loss(p):
        s = x.dot(p["W"])
        m = np.maximum(0, s - s[np.arange(N), y].reshape(-1, 1) + 1.0)
        m[np.arange(N), y] = 0
        return np.sum(m) / N + 0.5 * 1e-3 * np.sum(p["W"] * p["W"])

    def grad(p):
        s = x.dot(p["W"])
        m = np.maximum(0, s - s[np.arange(N), y].reshape(-1, 1) + 1.0)
        m[np.arange(N), y] = 0
        b = np.array(m > 0, dtype=float)
        b[np.arange(N), y] = -np.sum(b, axis=1)
        return {"W": x.T.dot(b) / N + 1e-3 * p["W"]}

    return GradientProblem({"W": rng.standard_normal((D, V))}, loss, grad)


def gauss(N, rng):
    x = rng.standard_normal(N)

    def loss(p):
        return float(
            np.sum(0.5 * np.log(2 * np.pi) + np.log(p["s"]) + 0.5 * ((x - p["m"]) / p["s"]) ** 2)
        )

    def grad(p):
        return {
            "m": np.sum(-(x - p["m"]) / p["s"] ** 2),
            "s": np.sum(1 / p["s"] - (x - p["m"]) ** 2 / p["s"] ** 3),
        }

    return GradientProblem(
        {"m": np.array(rng.standard_normal()), "s": np.array(1 + rng.random())}, loss, grad
    )


def dropout(N, D, rng):
    m = (rng.random((N, D)) < 0.5) / 0.5
    x = rng.standard_normal((N, D))

    def fwd(p):
        h = x @ p["W"]
        h = h * (h > 0) * m
        mu = h.mean(0)
        v = ((h - mu) ** 2).mean(axis=0)
        xh = (h - mu) / np.sqrt(v + 1e-5)
        return h, mu, v, xh

    def loss(p):
        return (fwd(p)[3] * np.arange(D) * x).sum().item()

    def grad(p):
        v, xh = fwd(p)[2:]
        d = np.arange(D) * x
        dh = (N * d - d.sum(0) - xh * np.sum(d * xh, 0)) / (N * np.sqrt(v + 1e-5))
        dh = dh * m * (x @ p["W"] > 0)
        return {"W": np.matmul(x.T, dh)}

    return GradientProblem({"W": rng.standard_normal((D, D))}, loss, grad)


HABITS: dict[str, Any] = {
    "attention": attention, "convolution": conv, "convolution in loops": conv_loops,
    "classes": classes, "embedding": embedding, "list of states": lists, "hinge": svm,
    "likelihood": gauss, "batch norm, dropout and ReLU": dropout,
}  # fmt: skip
