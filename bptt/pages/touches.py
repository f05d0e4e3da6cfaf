"""Which entries the running clip touches, and at which step.

T characters in a window.
"""

from dataclasses import dataclass

import numpy as np

from reference import Gradients, Parameters, Trace
from reference.rnn import backward_window

from ..engines.names import PARAMETER_NAMES


@dataclass(frozen=True)
class Touches:
    """What the running clip did in one window.

    `touched[name]` marks the entries of a parameter's gradient that were beyond the bound after at
    least one step, `per_step[t]` counts those of step t over all parameters. `gradients` is the
    result, equal to the reference's.
    """

    touched: dict[str, np.ndarray]
    per_step: list[int]
    gradients: Gradients


def touches(parameters: Parameters, trace: Trace, clip: float) -> Touches:
    """Back-propagate through a window step by step, and look at the sums before each clip."""
    gradients = parameters.zeros_like()
    touched = {
        name: np.zeros(value.shape, bool)
        for name, value in zip(PARAMETER_NAMES, parameters, strict=True)
    }
    per_step = [0] * len(trace.inputs)
    da_next = np.zeros_like(parameters.bh)
    for t in reversed(range(len(trace.inputs))):
        da_next = backward_window(parameters, gradients, part(trace, t, t + 1), da_next, None)
        for mark, value in zip(touched.values(), gradients, strict=True):
            beyond = np.abs(value) > clip
            per_step[t] += int(np.count_nonzero(beyond))
            mark |= beyond
            np.clip(value, -clip, clip, out=value)
    return Touches(touched, per_step, gradients)


def part(trace: Trace, start: int, end: int) -> Trace:
    """Return the steps from `start` to before `end` as a trace of their own."""
    return Trace(
        trace.inputs[start:end],
        trace.targets[start:end],
        trace.states[start : end + 1],
        trace.probabilities[start:end],
        trace.losses[start:end],
    )
