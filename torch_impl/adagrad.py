"""Adagrad: the more an entry's gradients have added up to, the smaller its steps.

Source: Duchi, Hazan and Singer (2011), Adaptive Subgradient Methods.
"""

import torch

from .rnn import Gradients, Parameters

EPSILON = 1e-8  # inside the square root; most libraries add it outside


@torch.no_grad()
def update(
    parameters: Parameters, gradients: Gradients, accumulators: Gradients, learning_rate: float
) -> None:
    """Take one step in place.

    `accumulators` hold the running sums of squared gradients and grow by this step's.
    """
    for value, gradient, accumulator in zip(parameters, gradients, accumulators, strict=True):
        accumulator += gradient * gradient
        value -= learning_rate * gradient / torch.sqrt(accumulator + EPSILON)
