"""A GRU with its backward pass written by hand: `bptt verify examples/gru.py:problem`.

V symbols, H hidden units, T steps. A symbol is a column of W; each step predicts the next symbol.

    z = sigmoid(Wz x + Uz a + bz)                update gate: how much of the state is kept
    r = sigmoid(Wr x + Ur a + br)                reset gate: how much of it the candidate sees
    c = tanh(Wc x + Uc (r a) + bc)               candidate
    a' = z a + (1 - z) c                         state
    p = softmax(Wy a' + by),   loss = -log p[y]

In some steps (`mask` 0) nothing is read: the state stays, and nothing is lost.

Source: Cho et al. (2014); the reset gate acts before Uc, as there.
"""

import numpy as np

from bptt.verify import GradientProblem


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def problem(T, H, V, rng, counted=None):
    shapes = {
        "Wz": (H, V), "Uz": (H, H), "bz": (H,),
        "Wr": (H, V), "Ur": (H, H), "br": (H,),
        "Wc": (H, V), "Uc": (H, H), "bc": (H,),
        "Wy": (V, H), "by": (V,),
    }  # fmt: skip
    parameters = {name: rng.standard_normal(shape) for name, shape in shapes.items()}
    inputs, targets = rng.integers(V, size=T), rng.integers(V, size=T)
    mask = np.where(rng.random(T) < 0.2, 0.0, 1.0)
    start = rng.standard_normal(H)
    counts = mask
    if counted is not None:  # the loss of this step alone, `start` a parameter: see `bptt.verify`
        counts, parameters["start"] = mask * (np.arange(T) == counted), start

    def forward(p):
        a, loss, steps = p.get("start", start), 0.0, []
        for x, y, m, n in zip(inputs, targets, mask, counts, strict=True):
            z = sigmoid(p["Wz"][:, x] + p["Uz"] @ a + p["bz"])
            r = sigmoid(p["Wr"][:, x] + p["Ur"] @ a + p["br"])
            c = np.tanh(p["Wc"][:, x] + p["Uc"] @ (r * a) + p["bc"])
            after = m * (z * a + (1 - z) * c) + (1 - m) * a
            logits = p["Wy"] @ after + p["by"]
            shifted = np.exp(logits - logits.real.max())
            loss = loss + n * (np.log(shifted.sum()) + logits.real.max() - logits[y])
            steps.append((x, y, m, n, a, z, r, c, after, shifted / shifted.sum()))
            a = after
        return loss, steps

    def gradient(p):
        _, steps = forward(p)
        d = {name: np.zeros_like(value) for name, value in p.items()}
        da = np.zeros(H)
        for x, y, m, n, a, z, r, c, after, probabilities in reversed(steps):
            dlogits = n * probabilities
            dlogits[y] -= n
            d["Wy"] += np.outer(dlogits, after)
            d["by"] += dlogits
            dafter = da + p["Wy"].T @ dlogits
            da = dafter * (1 - m)
            dnew = dafter * m
            # Reverse of: a' = z a + (1 - z) c
            da += dnew * z
            dz = dnew * (a - c) * z * (1 - z)
            dc = dnew * (1 - z) * (1 - c**2)
            # Reverse of: c = tanh(Wc x + Uc (r a) + bc)
            d["Wc"][:, x] += dc
            d["Uc"] += np.outer(dc, r * a)
            d["bc"] += dc
            dreset = p["Uc"].T @ dc
            da += dreset * r
            dr = dreset * a * r * (1 - r)
            # Reverse of: r = sigmoid(Wr x + Ur a + br)
            d["Wr"][:, x] += dr
            d["Ur"] += np.outer(dr, a)
            d["br"] += dr
            da += p["Ur"].T @ dr
            # Reverse of: z = sigmoid(Wz x + Uz a + bz)
            d["Wz"][:, x] += dz
            d["Uz"] += np.outer(dz, a)
            d["bz"] += dz
            da += p["Uz"].T @ dz
        if "start" in p:
            d["start"] = da
        return d

    return GradientProblem(parameters, lambda p: forward(p)[0], gradient)
