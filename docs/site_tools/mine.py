"""A loss and its gradient by hand: a tanh network that reads T numbers and is asked for a sum."""

import numpy as np

from bptt.verify import GradientProblem


def problem(T, H, rng):
    """Make one problem of T steps and H units."""
    p = {
        "U": rng.standard_normal((H, H)),
        "w": rng.standard_normal(H),
        "b": rng.standard_normal(H),
    }
    x = rng.standard_normal(T)

    def states(p):
        a = [0 * p["b"]]
        for t in range(T):
            a.append(np.tanh(p["U"] @ a[-1] + p["w"] * x[t] + p["b"]))
        return a

    def loss(p):
        return (states(p)[-1] ** 2).sum()

    def gradient(p):
        a = states(p)
        g = {name: np.zeros_like(value) for name, value in p.items()}
        da = 2 * a[-1]
        for t in reversed(range(T)):
            dh = (1 - a[t + 1] ** 2) * da
            g["U"] += np.outer(dh, a[t])
            g["w"] += dh * x[t]
            g["b"] += dh
            da = p["U"].T @ dh
        return g

    return GradientProblem(p, loss, gradient)
