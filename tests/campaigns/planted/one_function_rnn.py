"""An RNN in one function that returns loss and gradients; its buffers are filled in place.

V symbols, H hidden units, T steps; each step predicts the next symbol.
"""

import numpy as np

from bptt.verify import GradientProblem


def problem(T, H, V, rng):
    parameters = {
        "Wx": rng.standard_normal((H, V)),
        "Wh": rng.standard_normal((H, H)),
        "Wy": rng.standard_normal((V, H)),
        "bh": rng.standard_normal(H),
        "by": rng.standard_normal(V),
    }
    inputs, targets, start = rng.integers(V, size=T), rng.integers(V, size=T), rng.normal(size=H)

    def loss_and_gradients(p):
        loss, seen, hidden, probabilities = 0.0, [], [start], []
        for t in range(T):
            seen.append(np.zeros(V))
            seen[t][inputs[t]] = 1
            hidden.append(np.tanh(p["Wx"] @ seen[t] + p["Wh"] @ hidden[t] + p["bh"]))
            exponentials = np.exp(p["Wy"] @ hidden[t + 1] + p["by"])
            probabilities.append(exponentials / exponentials.sum())
            loss -= np.log(probabilities[t][targets[t]])

        g = {name: np.zeros_like(value) for name, value in p.items()}
        carried = np.zeros_like(hidden[-1])
        for t in reversed(range(T)):
            dscore = probabilities[t].copy()
            dscore[targets[t]] -= 1
            g["Wy"] += np.outer(dscore, hidden[t + 1])
            g["by"] += dscore
            dh = p["Wy"].T @ dscore + carried
            draw = dh * (1 - hidden[t + 1] ** 2)
            g["bh"] += draw
            g["Wx"] += np.outer(draw, seen[t])
            g["Wh"] += np.outer(draw, hidden[t])
            carried = p["Wh"].T @ draw
        return loss, g

    return GradientProblem(
        parameters, lambda p: loss_and_gradients(p)[0], lambda p: loss_and_gradients(p)[1]
    )
