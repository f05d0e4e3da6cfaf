"""Bugs planted where one function gives loss and gradients, and fills its buffers in place.

`python -m tests.campaigns.planted.one_function` prints the table, as planted_cells does for its
cells."""

from pathlib import Path

from .cells import PER_COLUMN, PER_ROW, Bug, main

HERE = Path(__file__).parent
RECURRENT = "Wx Wh bh"
ALL = "Wx Wh Wy bh by"
TARGET = "dscore[targets[t]] -= 1"
BACK = 'dh = p["Wy"].T @ dscore + carried'
THROUGH_TANH = "draw = dh * (1 - hidden[t + 1] ** 2)"
CARRY = 'carried = p["Wh"].T @ draw'
COPY = "dscore = probabilities[t].copy()"
END = "return loss, g\n"
RNN = [
    (TARGET, "dscore[targets[t]] -= 2", ALL, 1, PER_ROW),
    (TARGET, "dscore[targets[t]] += 1", ALL, 1, PER_ROW),
    (TARGET, "pass", ALL, 1, PER_ROW),
    (TARGET, "dscore[targets[0]] -= 1", ALL, 2, ""),
    (COPY, "dscore = probabilities[0].copy()", ALL, 2, ""),
    ("np.outer(dscore, hidden[t + 1])", "np.outer(dscore, hidden[t])", "Wy", 1, PER_COLUMN),
    ('g["Wy"] += np', 'g["Wy"] = np', "Wy", 2, ""),
    ('g["by"] += dscore', 'g["by"] = dscore', "by", 2, ""),
    ('g["by"] += dscore', "pass", "by", 1, "zero"),
    (BACK, 'dh = p["Wy"].T @ dscore', RECURRENT, 2, ""),
    (BACK, 'dh = p["Wy"].T @ dscore - carried', RECURRENT, 2, ""),
    (BACK, 'dh = p["Wy"].T @ dscore + 2 * carried', RECURRENT, 2, ""),
    (THROUGH_TANH, "draw = dh * (1 - hidden[t + 1])", RECURRENT, 1, PER_ROW),
    (THROUGH_TANH, "draw = dh.copy()", RECURRENT, 1, PER_ROW),
    (THROUGH_TANH, "draw = dh * (1 - hidden[t] ** 2)", RECURRENT, 1, PER_ROW),
    (THROUGH_TANH, "draw = dh * hidden[t + 1] ** 2", RECURRENT, 1, PER_ROW),
    (THROUGH_TANH, "draw = 1 - hidden[t + 1] ** 2", RECURRENT, 1, PER_ROW),
    ('g["bh"] += draw', 'g["bh"] = draw', "bh", 2, ""),
    ('g["bh"] += draw', 'g["bh"] += dh', "bh", 1, ""),
    ('g["bh"] += draw', 'g["bh"] += 2 * draw', "bh", 1, "constant factor 2"),
    ('g["Wx"] += np', 'g["Wx"] = np', "Wx", 2, ""),
    ("np.outer(draw, seen[t])", "np.outer(draw, seen[t - 1])", "Wx", 2, ""),
    ("np.outer(draw, hidden[t])", "np.outer(draw, hidden[t + 1])", "Wh", 1, PER_COLUMN),
    ("np.outer(draw, hidden[t])", "np.outer(hidden[t], draw)", "Wh", 1, "transposed"),
    ('g["Wh"] += np', 'g["Wh"] -= np', "Wh", 1, "sign"),
    ('g["Wh"] += np', 'g["Wh"] = np', "Wh", 2, ""),
    (CARRY, 'carried = p["Wh"] @ draw', RECURRENT, 2, ""),
    (CARRY, 'carried = p["Wh"].T @ dh', RECURRENT, 2, ""),
    (CARRY, 'carried += p["Wh"].T @ draw', RECURRENT, 3, ""),
    (CARRY, 'carried = p["Wh"].T @ draw * (t % 2)', RECURRENT, 3, ""),
    ("carried = np.zeros_like(hidden[-1])", "carried = hidden[-1].copy()", RECURRENT, 1, PER_ROW),
    ("in reversed(range(T))", "in range(T)", RECURRENT, 2, ""),
    ("in reversed(range(T))", "in reversed(range(1, T))", ALL, 1, "zero"),
    (END, "return loss, {k: v / T for k, v in g.items()}\n", ALL, 2, "constant factor 1/T"),
    (END, "return loss, {k: np.clip(v, -0.1, 0.1) for k, v in g.items()}\n", ALL, 1, "clipped at"),
    (
        END,
        "norm = sum((v**2).sum() for v in g.values()) ** 0.5\n"
        "        return loss, {k: v * min(1, 0.2 / norm) for k, v in g.items()}\n",
        ALL,
        1,
        "clipped to the norm 0.2: one factor",
    ),
    (END, 'g["Wy"][0] *= 1.001\n        return loss, g\n', "Wy", 1, "one row (0)"),
    (END, 'g["Wh"] *= 1 + 1e-9\n        return loss, g\n', "Wh", 1, "constant factor 1+1e-09"),
]

BOTH = "b1 W1 b2 W2"
FIRST = "b1 W1"
LABELS = "dscores[rows, labels] -= 1"
MEAN = "dscores /= N"
TO_HIDDEN = 'dhidden = dscores @ p["W2"].T'
TO_INNER = "dinner = dhidden * (1 - hidden**2)"
MLP = [
    (MEAN, "pass", BOTH, "constant factor N"),
    (MEAN, "dscores /= N * N", BOTH, "constant factor 1/N"),
    (LABELS, "pass", BOTH, ""),
    (LABELS, "dscores[rows, labels] += 1", BOTH, ""),
    (LABELS, "dscores[0, labels] -= 1", BOTH, ""),
    (LABELS, "dscores[:, labels] -= 1", BOTH, ""),
    ("dscores = probabilities", "dscores = exponentials", BOTH, ""),
    ("hidden.T @ dscores", "inner.T @ dscores", "W2", ""),
    ("hidden.T @ dscores", "hidden.T @ dscores / N", "W2", ""),
    ("hidden.T @ dscores", "np.abs(hidden).T @ dscores", "W2", ""),
    ("dscores.sum(0)", "dscores.mean(0)", "b2", "constant factor 1/N"),
    ("dscores.sum(0)", "dscores[0]", "b2", ""),
    ("dscores.sum(0)", "np.abs(dscores).sum(0)", "b2", ""),
    ('g["b2"] += dscores.sum(0)', "pass", "b2", "zero"),
    (TO_HIDDEN, 'dhidden = 2 * dscores @ p["W2"].T', FIRST, "constant factor 2"),
    (TO_HIDDEN, 'dhidden = np.clip(dscores, -0.1, 0.1) @ p["W2"].T', FIRST, ""),
    (TO_HIDDEN, 'dhidden = dscores @ (1.01 * p["W2"]).T', FIRST, "constant factor 1.01"),
    (TO_INNER, "dinner = dhidden.copy()", FIRST, ""),
    (TO_INNER, "dinner = dhidden * (1 - hidden)", FIRST, ""),
    (TO_INNER, "dinner = dhidden * (1 - inner**2)", FIRST, ""),
    (TO_INNER, "dinner = dhidden * hidden**2", FIRST, ""),
    (TO_INNER, "dinner = 1 - hidden**2", FIRST, ""),
    ("X.T @ dinner", "X.T @ dhidden", "W1", ""),
    ("X.T @ dinner", "X[::-1].T @ dinner", "W1", ""),
    ("dinner.sum(0)", "dinner.sum()", "b1", ""),
    ("dinner.sum(0)", "dinner.sum(0) / N", "b1", "constant factor 1/N"),
    ('g["b1"] +=', 'g["b1"] -=', "b1", "sign"),
    ('g["W1"] += DECAY * p["W1"]', "pass", "W1", "-0.1 times the parameter"),
    ('g["W2"] += DECAY * p', 'g["W2"] += 2 * DECAY * p', "W2", "+0.1 times the parameter"),
    (END, 'g["b1"] += DECAY * p["b1"]\n        return loss, g\n', "b1", "+0.1 times the parameter"),
    (END, 'g["W2"][0] *= 1.01\n        return loss, g\n', "W2", "one row (0)"),
    (END, 'g["b2"][0] += 0.01\n        return loss, g\n', "b2", "one entry (0)"),
]

BUGS = [Bug("one_function_rnn", *bug, folder=HERE) for bug in RNN] + [
    Bug("one_function_mlp", old, new, wrong, None, pattern, HERE)
    for old, new, wrong, pattern in MLP
]


if __name__ == "__main__":
    main(BUGS)
