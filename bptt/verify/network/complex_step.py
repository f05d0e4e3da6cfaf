"""The complex step: derivatives without differences, and so without cancellation.

For a real-analytic L, Im L(θ + ih) / h is its derivative up to h²; with h = 1e-20 that error is far
below rounding. The forward pass here takes complex weights; no other part of the project does.

V symbols, H hidden units, T characters in a window.

Source: Squire and Trapp (1998), Using Complex Variables to Estimate Derivatives of Real Functions.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Num

from reference import Gradients, Parameters

STEP = 1e-20


def loss(
    parameters_of_step: Sequence[Sequence[Num[np.ndarray, "..."]]],
    inputs: Int[np.ndarray, " T"],
    targets: Int[np.ndarray, " T"],
    initial_state: Num[np.ndarray, "H 1"],
) -> complex:
    """Return the window's loss in nats, where each time step has its own five parameters."""
    return loss_and_state(parameters_of_step, inputs, targets, initial_state)[0]


def loss_and_state(
    parameters_of_step: Sequence[Sequence[Num[np.ndarray, "..."]]],
    inputs: Int[np.ndarray, " T"],
    targets: Int[np.ndarray, " T"],
    initial_state: Num[np.ndarray, "H 1"],
) -> tuple[complex, Num[np.ndarray, "H 1"]]:
    """Return the window's loss in nats and its final state."""
    state, total = initial_state, 0j
    for (Whx, Wha, Wya, bh, by), x, y in zip(parameters_of_step, inputs, targets, strict=True):
        state = _tanh(Wha @ state + Whx[:, [x]] + bh)
        logits = (Wya @ state + by)[:, 0]
        shift = np.real(logits).max()
        total += np.log(np.exp(logits - shift).sum()) + shift - logits[y]
    return complex(total), state


def _tanh(z: Num[np.ndarray, "H 1"]) -> Num[np.ndarray, "H 1"]:
    # NumPy's complex tanh overflows from 710 on; to first order in the step this is the same, and
    # 1/cosh² neither overflows nor cancels where tanh² is 1 to the last bit.
    if not np.iscomplexobj(z):
        return np.tanh(z)
    decay = np.exp(-2.0 * np.abs(np.real(z)))
    slope = 4.0 * decay / (1.0 + decay) ** 2
    return np.tanh(np.real(z)) + 1j * slope * np.imag(z)


def plain_gradient(
    parameters: Parameters,
    inputs: Int[np.ndarray, " T"],
    targets: Int[np.ndarray, " T"],
    initial_state: Float[np.ndarray, "H 1"],
) -> Gradients:
    """Return the gradient of the window's loss, with one forward pass for each entry."""
    slopes = parameters.zeros_like()
    shifted: list[Any] = [value.astype(complex) for value in parameters]
    for value, slope in zip(shifted, slopes, strict=True):
        for place in np.ndindex(value.shape):
            value[place] += 1j * STEP
            slope[place] = loss([shifted] * len(inputs), inputs, targets, initial_state).imag / STEP
            value[place] = value[place].real
    return slopes


def contributions(
    parameters: Parameters,
    inputs: Int[np.ndarray, " T"],
    targets: Int[np.ndarray, " T"],
    initial_state: Float[np.ndarray, "H 1"],
) -> list[Gradients]:
    """Return the contribution of each time step: the gradient with respect to its own weights."""
    per_step = [parameters.zeros_like() for _ in inputs]
    for t, contribution in enumerate(per_step):
        shifted: list[Any] = [value.astype(complex) for value in parameters]
        own = [list(parameters)] * len(inputs)
        own[t] = shifted
        for value, slope in zip(shifted, contribution, strict=True):
            for place in np.ndindex(value.shape):
                value[place] += 1j * STEP
                slope[place] = loss(own, inputs, targets, initial_state).imag / STEP
                value[place] = value[place].real
    return per_step


def fold(per_step: Sequence[Gradients], clip: float | None) -> Gradients:
    """Add the per-step contributions from the last to the first, clipping the sum after each."""
    sums = per_step[0].zeros_like()
    for contribution in reversed(per_step):
        for total, value in zip(sums, contribution, strict=True):
            total += value
            if clip is not None:
                np.clip(total, -clip, clip, out=total)
    return sums


def directional_derivative(
    parameters: Parameters,
    direction: Parameters,
    inputs: Int[np.ndarray, " T"],
    targets: Int[np.ndarray, " T"],
    initial_state: Float[np.ndarray, "H 1"],
) -> float:
    """Return the derivative of the loss along a direction, in one forward pass."""
    moved = [value + 1j * STEP * along for value, along in zip(parameters, direction, strict=True)]
    return loss([moved] * len(inputs), inputs, targets, initial_state).imag / STEP
