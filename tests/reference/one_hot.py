"""The network once more, in the plainest form there is: one-hot vectors and whole matrices.

Slow and written independently of reference/. It rounds in the same places, so the two must agree
bit by bit.
"""

import numpy as np

from reference import Parameters


def vector(index: int, size: int) -> np.ndarray:
    return np.eye(size)[:, [index]]


def probabilities(parameters: Parameters, x: int, state: np.ndarray) -> tuple:
    V = parameters.by.size
    after = np.tanh(
        np.dot(parameters.Wha, state) + np.dot(parameters.Whx, vector(x, V)) + parameters.bh
    )
    exponentials = np.exp(np.dot(parameters.Wya, after) + parameters.by)
    total = 0.0
    for (exponential,) in exponentials:
        total = total + exponential
    return after, exponentials / total


def gradients(
    parameters: Parameters,
    inputs: np.ndarray,
    targets: np.ndarray,
    state: np.ndarray,
    clip: float | None,
) -> tuple[list[np.ndarray], list[float]]:
    """Return the five gradients, clipped after every step, and the steps' losses in nats."""
    V = parameters.by.size
    states, predictions = [state], []
    for x in inputs:
        after, prediction = probabilities(parameters, x, states[-1])
        states.append(after)
        predictions.append(prediction)
    losses = [-np.log(p[y, 0]) for p, y in zip(predictions, targets, strict=True)]

    sums = [np.zeros_like(value) for value in parameters]
    signal = np.zeros_like(state)
    for t in range(len(inputs) - 1, -1, -1):
        dz = predictions[t] - vector(targets[t], V)
        dh = (1.0 - states[t + 1] * states[t + 1]) * (np.dot(parameters.Wya.T, dz) + signal)
        contributions = (
            np.dot(dh, vector(inputs[t], V).T),
            np.dot(dh, states[t].T),
            np.dot(dz, states[t + 1].T),
            dh,
            dz,
        )
        sums = [total + one for total, one in zip(sums, contributions, strict=True)]
        if clip is not None:
            sums = [np.minimum(np.maximum(total, -clip), clip) for total in sums]
        signal = np.dot(parameters.Wha.T, dh)
    return sums, losses
