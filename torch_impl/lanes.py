"""Several windows side by side: their contributions are summed a step, then clipped once.

A lane is one of them, with a state of its own.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from .checks import check_clip
from .rnn import Gradients, Parameters, Trace, backward_window


@torch.no_grad()
def backward_lanes(
    parameters: Parameters, traces: Sequence[Trace], clip: float | None = 5.0
) -> Gradients:
    """Back-propagate through several windows of one length, on which nothing follows.

    Equals `backward` for one lane. With `clip` the fold is of each step's contributions, summed
    over the lanes.

    Raises ValueError for no lane, windows of different lengths, and as `backward`.
    """
    check_clip(clip)
    lengths = [len(trace.inputs) for trace in traces]
    if len(set(lengths)) != 1:
        raise ValueError(f"lanes must be one or more windows of one length, got lengths {lengths}")
    gradients = parameters.zeros_like()
    nothing = torch.zeros_like(parameters.bh)
    backward_windows(parameters, gradients, traces, [nothing] * len(traces), clip)
    return gradients


@torch.no_grad()
def backward_windows(
    parameters: Parameters,
    gradients: Gradients,
    traces: Sequence[Trace],
    da_nexts: Sequence[Float[Tensor, "H 1"]],
    clip: float | None,
) -> Sequence[Float[Tensor, "H 1"]]:
    """Add the lanes' contributions to the gradients, from the last step to the first.

    `da_nexts` are the gradients with respect to the lanes' final states. Returns those with respect
    to their initial states. Neither are clipped.
    """
    dWhx, dWha, dWya, dbh, dby = gradients
    for t in reversed(range(len(traces[0].inputs))):
        da_nexts = [
            backward_window(parameters, gradients, one_step(trace, t), da_next, clip=None)
            for trace, da_next in zip(traces, da_nexts, strict=True)
        ]
        if clip is not None:
            symbols = [int(trace.inputs[t]) for trace in traces]
            dWhx_xs = [dWhx[:, x : x + 1] for x in symbols]
            for gradient in (*dWhx_xs, dWha, dWya, dbh, dby):
                torch.clip(gradient, -clip, clip, out=gradient)
    return da_nexts


def one_step(trace: Trace, t: int) -> Trace:
    """Return step t of a window as a window of length 1."""
    return Trace(
        inputs=trace.inputs[t : t + 1],
        targets=trace.targets[t : t + 1],
        states=trace.states[t : t + 2],
        probabilities=trace.probabilities[t : t + 1],
        losses=trace.losses[t : t + 1],
    )
