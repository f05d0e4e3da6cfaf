"""How the gradient flows back in time, and what stands in its way: for teaching, and for plots.

The further back a state lies, the less (or the more) the loss feels it: every step multiplies the
signal by Whaᵀ and by the slopes of tanh. Saturated units have slopes near 0 and stop it; Wha's
spectral radius says whether it would otherwise shrink or grow.

H hidden units, T characters in a window; K lags, which are the T of them from 0 to T − 1.

Source: Bengio, Simard and Frasconi (1994), Learning Long-Term Dependencies with Gradient Descent
is Difficult; Pascanu, Mikolov and Bengio (2013), On the Difficulty of Training Recurrent Neural
Networks.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from jaxtyping import Float
from pydantic import Field

from reference import Parameters, Trace, backward, forward

from ..strict import Strict

SATURATED = 0.97  # |a| beyond this: less than 6% of tanh's slope is left


class Record(Strict):
    """What one window shows, at one iteration.

    `norms[k]` is the length of ∂loss_t / ∂state_{t−k} in nats, averaged over the window's steps t
    that have a state so far back in it; state_t is what step t makes. Shares are from 0 to 1:
    of the window's activations beyond ±SATURATED, and of all entries of the gradient that the
    running clip made another number of.
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
    """Look at one window with these weights; nothing is changed.

    `parameters`, in their order, and the window are any engine's, as anything that NumPy can read;
    everything is computed in float64.

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
    """Return the average length of ∂loss_t / ∂state_{t−k} for each lag k.

    The slopes of all steps t are carried back at once, a column each: at lag k the column of step t
    passes through step t − k + 1, and the steps that have no state left drop out.
    """
    T = len(trace.inputs)
    slopes_of_tanh = 1.0 - trace.states[1:, :, 0].T ** 2
    slopes = parameters.Wya.T @ _logit_slopes(trace)  # reverse of: z = Wya @ a + by
    norms = [np.linalg.norm(slopes, axis=0).mean()]
    for k in range(1, T):
        # reverse of: a = tanh(Wha @ state + ...)
        slopes = parameters.Wha.T @ (slopes_of_tanh[:, 1 : T - k + 1] * slopes[:, 1:])
        norms.append(np.linalg.norm(slopes, axis=0).mean())
    return np.array(norms)


def _logit_slopes(trace: Trace) -> Float[np.ndarray, "V T"]:
    slopes = trace.probabilities[:, :, 0].T.copy()
    slopes[trace.targets, np.arange(len(trace.targets))] -= 1.0
    return slopes


def _clipped_share(parameters: Parameters, trace: Trace, clip: float | None) -> float:
    if clip is None:
        return 0.0
    pairs = zip(backward(parameters, trace, clip), backward(parameters, trace, None), strict=True)
    changed = [np.ravel(clipped != plain) for clipped, plain in pairs]
    return float(np.mean(np.concatenate(changed)))
