"""Gradient-flow diagnostics: how gradients vanish or explode over time steps, and why.

Each step back in time multiplies the gradient by Whaᵀ and by the derivatives of tanh. Saturated
units have derivatives near 0 and block it; Wha's spectral radius tells whether it would otherwise
shrink or grow.

H hidden units, T characters in a window, K = T lags from 0 to T − 1.

Source: Bengio, Simard and Frasconi (1994), Learning Long-Term Dependencies with Gradient Descent is
Difficult; Pascanu, Mikolov and Bengio (2013), On the Difficulty of Training Recurrent Neural
Networks.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from jaxtyping import Float
from pydantic import Field

from reference import Parameters, Trace, backward, forward

from ..strict import Strict

SATURATED = 0.97  # |a| beyond this: tanh's derivative is below 0.06


class Record(Strict):
    """The diagnostics of one window at one iteration.

    `norms[k]` is the norm of ∂loss_t / ∂state_{t−k} in nats, averaged over the window's steps t
    that have a state k steps back; state_t is the state after step t. `saturated_share` is the
    fraction of activations beyond ±SATURATED, `clipped_share` that of gradient entries that the
    running clip changed.
    """

    iteration: int
    norms: list[float] = Field(min_length=1)
    saturated_share: float
    spectral_radius: float
    clipped_share: float


def measure(
    iteration: int,
    parameters: Iterable[Any],
    inputs: Any,
    targets: Any,
    initial_state: Any,
    clip: float | None,
) -> Record:
    """Measure one window with these weights, in float64; nothing is changed.

    `parameters` (in the order Whx, Wha, Wya, bh, by) and the window may be any engine's arrays.
    `clip` is the bound of the running clip, None without one.

    Raises ValueError and FloatingPointError as reference.forward does.
    """
    weights = Parameters(*(np.asarray(value, np.float64) for value in parameters))
    trace = forward(
        weights,
        np.asarray(inputs, np.int64),
        np.asarray(targets, np.int64),
        np.asarray(initial_state, np.float64),
    )
    return Record(
        iteration=iteration,
        norms=gradient_norms(weights, trace).tolist(),
        saturated_share=float(np.mean(np.abs(trace.states[1:]) > SATURATED)),
        spectral_radius=float(np.max(np.abs(np.linalg.eigvals(weights.Wha)))),
        clipped_share=_clipped_share(weights, trace, clip),
    )


def gradient_norms(parameters: Parameters, trace: Trace) -> Float[np.ndarray, " K"]:
    """Return the mean norm of ∂loss_t / ∂state_{t−k} over the steps t, for each lag k."""
    return np.array([norms.mean() for norms in norms_by_lag(parameters, trace)])


def norms_by_lag(parameters: Parameters, trace: Trace) -> Iterator[Float[np.ndarray, " n"]]:
    """Yield for each lag k = 0, 1, … the norms of ∂loss_t / ∂state_{t−k} for t = k … T − 1.

    The gradients of all steps t are propagated back together, one column each: at lag k, the column
    of step t passes through step t − k + 1, and the columns with no state left are dropped.
    """
    T = len(trace.inputs)
    tanh_derivatives = 1.0 - trace.states[1:, :, 0].T ** 2
    gradients = parameters.Wya.T @ _logit_gradients(trace)  # reverse of: z = Wya @ a + by
    yield np.linalg.norm(gradients, axis=0)
    for k in range(1, T):
        # reverse of: a = tanh(Wha @ state + ...)
        gradients = parameters.Wha.T @ (tanh_derivatives[:, 1 : T - k + 1] * gradients[:, 1:])
        yield np.linalg.norm(gradients, axis=0)


def _logit_gradients(trace: Trace) -> Float[np.ndarray, "V T"]:
    gradients = trace.probabilities[:, :, 0].T.copy()
    gradients[trace.targets, np.arange(len(trace.targets))] -= 1.0
    return gradients


def _clipped_share(parameters: Parameters, trace: Trace, clip: float | None) -> float:
    if clip is None:
        return 0.0
    pairs = zip(backward(parameters, trace, clip), backward(parameters, trace, None), strict=True)
    changed = [np.ravel(clipped != plain) for clipped, plain in pairs]
    return float(np.mean(np.concatenate(changed)))
