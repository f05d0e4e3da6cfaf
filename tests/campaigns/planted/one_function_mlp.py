"""A classifier with one hidden layer in one function that returns loss and gradients.

N rows of D numbers, H hidden units, V classes; weights decay.
"""

import numpy as np

from bptt.verify import GradientProblem

DECAY = 0.1


def problem(N, D, H, V, rng):
    parameters = {
        "W1": rng.standard_normal((D, H)),
        "b1": rng.standard_normal(H),
        "W2": rng.standard_normal((H, V)),
        "b2": rng.standard_normal(V),
    }
    X, labels, rows = rng.standard_normal((N, D)), rng.integers(V, size=N), np.arange(N)

    def loss_and_gradients(p):
        inner = X @ p["W1"] + p["b1"]
        hidden = np.tanh(inner)
        exponentials = np.exp(hidden @ p["W2"] + p["b2"])
        probabilities = exponentials / exponentials.sum(1, keepdims=True)
        loss = -np.log(probabilities[rows, labels]).sum() / N
        loss += 0.5 * DECAY * ((p["W1"] ** 2).sum() + (p["W2"] ** 2).sum())

        g = {name: np.zeros_like(value) for name, value in p.items()}
        dscores = probabilities
        dscores[rows, labels] -= 1
        dscores /= N
        g["W2"] += hidden.T @ dscores
        g["b2"] += dscores.sum(0)
        dhidden = dscores @ p["W2"].T
        dinner = dhidden * (1 - hidden**2)
        g["W1"] += X.T @ dinner
        g["b1"] += dinner.sum(0)
        g["W1"] += DECAY * p["W1"]
        g["W2"] += DECAY * p["W2"]
        return loss, g

    return GradientProblem(
        parameters, lambda p: loss_and_gradients(p)[0], lambda p: loss_and_gradients(p)[1]
    )
