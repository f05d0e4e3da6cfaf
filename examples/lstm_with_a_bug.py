"""The LSTM of lstm.py with one bug planted: `bptt verify examples/lstm_with_a_bug.py:problem`.

V symbols, H hidden units, T steps. A symbol is a column of W; each step predicts the next symbol.

    i, f, o = sigmoid(W x + U a + b)             input, forget and output gate
    g = tanh(Wg x + Ug a + bg)                   what may be written
    c' = f c + i g                               cell
    a' = o tanh c'                               state
    p = softmax(Wy a' + by),   loss = -log p[y]

At some steps a new sequence begins (`keep` 0): state and cell are reset to zero before the step.

Source: Hochreiter and Schmidhuber (1997), with the forget gate of Gers et al. (2000).
"""

import numpy as np

from bptt.verify import GradientProblem


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def problem(T, H, V, rng, counted=None):
    parameters = {}
    for gate in "ifog":
        parameters[f"W{gate}"] = rng.standard_normal((H, V))
        parameters[f"U{gate}"] = rng.standard_normal((H, H))
        parameters[f"b{gate}"] = rng.standard_normal(H)
    parameters["Wy"] = rng.standard_normal((V, H))
    parameters["by"] = rng.standard_normal(V)
    inputs, targets = rng.integers(V, size=T), rng.integers(V, size=T)
    keeps = np.where(rng.random(T) < 0.2, 0.0, 1.0)
    start, start_cell = rng.standard_normal(H), rng.standard_normal(H)
    counts = np.ones(T)
    if counted is not None:  # the loss of this step alone, the states parameters: see `bptt.verify`
        counts = 1.0 * (np.arange(T) == counted)
        parameters |= {"start": start, "start_cell": start_cell}

    def forward(p):
        a, cell = p.get("start", start), p.get("start_cell", start_cell)
        loss, steps = 0.0, []
        for x, y, keep, n in zip(inputs, targets, keeps, counts, strict=True):
            a, cell = keep * a, keep * cell
            i = sigmoid(p["Wi"][:, x] + p["Ui"] @ a + p["bi"])
            f = sigmoid(p["Wf"][:, x] + p["Uf"] @ a + p["bf"])
            o = sigmoid(p["Wo"][:, x] + p["Uo"] @ a + p["bo"])
            g = np.tanh(p["Wg"][:, x] + p["Ug"] @ a + p["bg"])
            new_cell = f * cell + i * g
            squashed = np.tanh(new_cell)
            after = o * squashed
            logits = p["Wy"] @ after + p["by"]
            shifted = np.exp(logits - logits.real.max())
            loss = loss + n * (np.log(shifted.sum()) + logits.real.max() - logits[y])
            states, gates = (a, cell, squashed, after), (i, f, o, g)
            steps.append((x, y, keep, n, states, gates, shifted / shifted.sum()))
            a, cell = after, new_cell
        return loss, steps

    def gradient(p):
        _, steps = forward(p)
        d = {name: np.zeros_like(value) for name, value in p.items()}
        da, dcell = np.zeros(H), np.zeros(H)
        for x, y, keep, n, states, gates, probabilities in reversed(steps):
            (a, cell, squashed, after), (i, f, o, g) = states, gates
            dlogits = n * probabilities
            dlogits[y] -= n
            d["Wy"] += np.outer(dlogits, after)
            d["by"] += dlogits
            da = da + p["Wy"].T @ dlogits
            # Reverse of: a' = o tanh c'
            do = da * squashed * o * (1 - o)
            dcell = dcell + da * o * (1 - squashed**2)
            # Reverse of: c' = f c + i g
            df = dcell * cell * f * (1 - f)
            di = dcell * g * i * (1 - i)
            dg = dcell * i * (1 - g)  # the bug: g instead of its square
            dcell = dcell * f
            # Reverse of the four gates
            da = np.zeros(H)
            for gate, dgate in (("i", di), ("f", df), ("o", do), ("g", dg)):
                d[f"W{gate}"][:, x] += dgate
                d[f"U{gate}"] += np.outer(dgate, a)
                d[f"b{gate}"] += dgate
                da += p[f"U{gate}"].T @ dgate
            # Reverse of: the reset
            da, dcell = keep * da, keep * dcell
        if "start" in p:
            d |= {"start": da, "start_cell": dcell}
        return d

    return GradientProblem(parameters, lambda p: forward(p)[0], gradient)
