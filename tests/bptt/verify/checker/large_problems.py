"""Problems that are wrong only beyond the sizes that a search usually tries, and unusual ones."""

import numpy as np
import torch

from bptt.verify import GradientProblem, Skip


def chain(reach=None, *, scalar=False, truncate=None):
    """Make a recurrent problem; its gradient counts no loss further than `reach` steps away.

    `scalar` says whether `loss_of_steps` returns one number or one a step.
    """

    def problem(T, H, rng):
        x, up = rng.standard_normal((T, H)), rng.standard_normal((T, H))
        p = {"U": rng.standard_normal((H, H)) / H**0.5, "c": rng.standard_normal(H)}

        def losses(steps):
            a, row = 0 * steps[0]["c"], []
            for t, q in enumerate(steps):
                a = np.tanh(q["U"] @ a + q["c"] * x[t])
                row.append(a @ up[t])
            return sum(row) if scalar else row

        def gradient(p):
            a, states = 0 * p["c"], []
            for t in range(T):
                states.append(a)
                a = np.tanh(p["U"] @ a + p["c"] * x[t])
            states.append(a)
            d = {name: np.zeros_like(value) for name, value in p.items()}
            for t in range(T):
                da = up[t]
                for k in range(t, max(-1, t - (reach or T)), -1):
                    dh = da * (1 - states[k + 1] ** 2)
                    d["U"] += np.outer(dh, states[k])
                    d["c"] += dh * x[k]
                    da = p["U"].T @ dh
            return d

        def loss(p):
            return np.sum(losses([p] * T))

        return GradientProblem(p, loss, gradient, losses, truncate=truncate)

    return problem


def blocks(width):
    """Make a problem whose gradient forgets the rest of a block, but for the first block."""

    def problem(V, D, rng):
        def gradient(p):
            g = np.cos(p["E"])
            whole = V // width * width
            if whole:
                g[whole:] = 0
            return {"E": g}

        p = {"E": rng.standard_normal((V, D))}
        return GradientProblem(p, lambda p: np.sin(p["E"]).sum(), gradient)

    return problem


def wide(n, rng, *, spoil=lambda d: d):
    """Return a problem of n + 65,000 entries; `spoil` changes its gradient."""
    x = rng.standard_normal((3, 255))
    p = {"W": rng.standard_normal((255, 255)) / 16, "b": rng.standard_normal(n)}

    def loss(p):
        return (np.tanh(x @ p["W"]) ** 2).sum() + (p["b"] ** 2).sum()

    def gradient(p):
        s = np.tanh(x @ p["W"])
        return spoil({"W": x.T @ (2 * s * (1 - s**2)), "b": 2 * p["b"]})

    return GradientProblem(p, loss, gradient)


def of_shape(*shape):
    """Make problems whose loss has this shape, in NumPy and in torch."""

    def in_numpy(n, rng):
        return GradientProblem(
            {"w": rng.standard_normal(n)},
            lambda p: np.sin(p["w"]).sum().reshape(shape),
            lambda p: {"w": np.cos(p["w"])},
        )

    def in_torch(n, rng):
        return GradientProblem(
            {"w": torch.tensor(rng.standard_normal(n))},
            lambda p: torch.sin(p["w"]).sum().reshape(shape),
            lambda p: {"w": torch.cos(p["w"])},
        )

    return in_numpy, in_torch


def unused(n, rng):
    return GradientProblem(
        {"w": rng.standard_normal(n), "idle": rng.standard_normal(n)},
        lambda p: (p["w"] ** 3).sum(),
        lambda p: {"w": 3 * p["w"] ** 2, "idle": None},
    )


def wrongly_unused(n, rng):
    return GradientProblem(
        {"w": rng.standard_normal(n), "v": rng.standard_normal(n)},
        lambda p: (p["w"] ** 3).sum() + p["v"].sum(),
        lambda p: {"w": 3 * p["w"] ** 2, "v": None},
    )


def heads(H, N, rng, *, factor=1.0):
    """Refuse sizes that N heads can't share."""
    if H % N:
        raise Skip("H must be a multiple of N")
    w = {"w": rng.standard_normal((N, H // N))}
    return GradientProblem(w, lambda p: (p["w"] ** 2).sum(), lambda p: {"w": 2 * factor * p["w"]})


def fours(n, rng):
    if n % 4:
        raise Skip("n must be a multiple of 4")
    spoilt = 3.0 if n > 40 else 2.0
    return GradientProblem(
        {"w": rng.standard_normal(n)},
        lambda p: (p["w"] ** 2).sum(),
        lambda p: {"w": spoilt * p["w"]},
    )


def never_fits(n, rng):
    raise Skip("nothing fits")


def approximate(n, rng):
    """Use a derivative that is right to a few digits, as tables and fast functions are."""
    return GradientProblem(
        {"w": rng.standard_normal(n)},
        lambda p: np.tanh(p["w"]).sum(),
        lambda p: {"w": (1 - np.tanh(p["w"]) ** 2) * (1 + 3e-4 * np.sin(50 * p["w"]))},
    )


class Net:
    """A model that keeps its weights, behind an adapter that forgets to set them."""

    def __init__(self, n, rng):
        self.w, self.b = rng.standard_normal(n), rng.standard_normal(n)

    def loss(self):
        return (np.sin(self.w) * self.b).sum()

    def gradient(self):
        return {"w": np.cos(self.w) * self.b, "b": np.sin(self.w)}


def sets_nothing(n, rng):
    net = Net(n, rng)
    return GradientProblem(
        {"w": net.w.copy(), "b": net.b.copy()}, lambda p: net.loss(), lambda p: net.gradient()
    )


def sets_only_w(n, rng):
    net = Net(n, rng)

    def use(p):
        net.w = p["w"]
        return net

    return GradientProblem(
        {"w": net.w.copy(), "b": net.b.copy()},
        lambda p: use(p).loss(),
        lambda p: use(p).gradient(),
    )


def grows_fast(n, rng):
    """Take 2**n entries, which no memory holds for long."""
    return GradientProblem(
        {"w": rng.standard_normal(2**n)},
        lambda p: (p["w"] ** 2).sum(),
        lambda p: {"w": 2 * p["w"]},
    )


def only_letters(V, rng):
    """Fail, while the problem is made, beyond an alphabet's letters."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    chosen = [letters[i] for i in range(V)]
    return GradientProblem(
        {"w": rng.standard_normal(len(chosen))},
        lambda p: (p["w"] ** 2).sum(),
        lambda p: {"w": 2 * p["w"]},
    )


def gradient_breaks_when_long(T, rng):
    return GradientProblem(
        {"w": rng.standard_normal(2)},
        lambda p: T * (p["w"] ** 2).sum(),
        lambda p: {"w": 2 * T * p["w"] + (np.zeros(3) if T > 30 else 0.0)},
    )


def too_noisy_when_odd(n, rng):
    def loss(p):
        found = (p["w"] ** 2).sum()
        return float(np.float16(found)) if n % 2 else found

    return GradientProblem({"w": rng.standard_normal(n)}, loss, lambda p: {"w": 2 * p["w"]})
