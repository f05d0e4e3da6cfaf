"""Gradients that are wrong in a way that has a name, and some whose errors only look like one."""

import numpy as np

from bptt.verify import GradientProblem


def layer_of(error):
    """Make tanh(X w + b) weighed by `weights` and summed, and a gradient with some error."""

    def problem(B, D, H, rng):
        X, weights = rng.standard_normal((B, D)), rng.standard_normal((B, H))
        parameters = {"w": rng.standard_normal((D, H)), "b": rng.standard_normal(H)}

        def loss(p):
            return (np.tanh(X @ p["w"] + p["b"]) * weights).sum()

        def right(p, weights=weights):
            inner = weights * (1 - np.tanh(X @ p["w"] + p["b"]) ** 2)
            return {"w": X.T @ inner, "b": inner.sum(0)}

        return GradientProblem(parameters, loss, lambda p: error(right(p), p, right, B=B, D=D, H=H))

    return problem


def _scaled(by):
    return layer_of(
        lambda g, p, right, **sizes: {name: value * by(**sizes) for name, value in g.items()}
    )


def _norm(gradients):
    return np.sqrt(sum((value**2).sum() for value in gradients.values()))


def _clip_whole(g, p, right, **sizes):
    factor = min(1.0, 0.7 / _norm(g))
    return {name: value * factor for name, value in g.items()}


def _clip_each(g, p, right, **sizes):
    return {name: value * min(1.0, 0.5 / _norm({name: value})) for name, value in g.items()}


def _clip_entries(g, p, right, **sizes):
    return {name: np.clip(value, -0.4, 0.4) for name, value in g.items()}


mean_over_rows = _scaled(lambda B, D, H: 1 / B)
mean_over_all = _scaled(lambda B, D, H: 1 / (B * H))
sum_over_rows = _scaled(lambda B, D, H: B)
over_one_less = _scaled(lambda B, D, H: 1 / (B + 1))
by_root = _scaled(lambda B, D, H: D**-0.5)
thirty_percent = _scaled(lambda B, D, H: 1.3)
minus = _scaled(lambda B, D, H: -1.0)
clipped_whole, clipped_each, clipped_entries = map(
    layer_of, (_clip_whole, _clip_each, _clip_entries)
)
ignores_upstream = layer_of(lambda g, p, right, B, H, **_: right(p, np.ones((B, H))))
decayed = layer_of(lambda g, p, right, **_: {name: g[name] + 0.01 * p[name] for name in g})
nothing = layer_of(lambda g, p, right, **_: g | {"w": 1e-13 * g["w"]})


def table(lookup):
    """Make rows of a table, weighed and summed; `lookup` fills the gradient."""

    def problem(T, D, V, rng):
        ids, weights = rng.integers(0, V, T), rng.standard_normal((T, D))

        def gradient(p):
            rows = np.zeros_like(p["table"])
            lookup(rows, ids, 2 * weights * p["table"][ids])
            return {"table": rows}

        return GradientProblem(
            {"table": rng.standard_normal((V, D))},
            lambda p: (p["table"][ids] ** 2 * weights).sum(),
            gradient,
        )

    return problem


def _last_wins(rows, ids, slopes):
    rows[ids] += slopes


def _first_wins(rows, ids, slopes):
    rows[ids[::-1]] = slopes[::-1]


def _mean_of_them(rows, ids, slopes):
    np.add.at(rows, ids, slopes)
    rows /= np.maximum(np.bincount(ids, minlength=len(rows)), 1)[:, None]


last_wins, first_wins, mean_of_them = map(table, (_last_wins, _first_wins, _mean_of_them))


def recurrent(reach=99, gated=False, every=False):
    """Make a tanh RNN with a target at each step; gradients go back less than `reach` steps."""

    def problem(T, H, rng):
        parameters = {
            "U": rng.standard_normal((H, H)) / np.sqrt(H),
            "c": rng.standard_normal(H),
        }
        targets = rng.standard_normal((T, H))

        def states(p):
            found = [np.zeros(H)]
            for _ in range(T):
                found.append(np.tanh(p["U"] @ found[-1] + p["c"]))
            return found

        def gradient(p):
            a, d = states(p), {name: np.zeros_like(value) for name, value in p.items()}
            for t in range(T):
                da = targets[t]
                for s in range(t, max(t - reach, -1), -1):
                    da = da * (1 - a[s + 1] ** 2)
                    d["U"] += np.outer(da, a[s])
                    d["c"] += da
                    da = p["U"].T @ da
            if every and T > 3:
                d["c"] += 0.1
            return d

        return GradientProblem(
            parameters,
            lambda p: sum(y @ a for y, a in zip(targets, states(p)[1:], strict=True)),
            gradient,
        )

    return problem


cut_after_two, cut_after_three, cut_after_four = (recurrent(reach) for reach in (2, 3, 4))
wrong_in_long_ones = recurrent(every=True)


def one_hot_input(V, H, rng):
    """One symbol is seen: the gradient has one column, and its factors have no pattern."""
    x, weights, odd = rng.integers(V), rng.standard_normal(H), rng.standard_normal(H)

    def gradient(p):
        d = np.zeros((H, V))
        d[:, x] = weights * (1 - np.tanh(p["w"][:, x]) ** 2) + odd
        return {"w": d}

    return GradientProblem(
        {"w": rng.standard_normal((H, V))}, lambda p: weights @ np.tanh(p["w"][:, x]), gradient
    )


def one_number(rng):
    """A single entry is always some factor of another."""
    w, odd = np.array(rng.standard_normal()), rng.standard_normal()
    return GradientProblem({"w": w}, lambda p: p["w"] ** 3, lambda p: {"w": 3 * p["w"] ** 2 + odd})


def same_each_time(rng):
    """One case is all there is: its factor could be any other elsewhere."""
    return GradientProblem(
        {"w": np.array([0.5, -0.25])},
        lambda p: (p["w"] ** 3).sum(),
        lambda p: {"w": 3 * p["w"] ** 2 * np.exp(np.abs(p["w"]).max())},
    )


def unrelated(n, rng):
    odd = rng.standard_normal(n)
    return GradientProblem(
        {"w": rng.standard_normal(n)}, lambda p: (p["w"] ** 3).sum(), lambda p: {"w": odd}
    )
