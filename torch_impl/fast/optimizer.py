"""A rule's state beside the weights that it changes."""

import torch

from ..kernels.team import ALONE
from .layout import Storage
from .rules import Rule, take_step


class Optimizer:
    """Takes steps on a network's weights, in place, by compiled code.

    `first` and `second` are the rule's state for each parameter (sums or means of gradients or of
    squares), `steps` counts the steps: of the parameters and of a learned initial state.

    >>> optimizer = Optimizer(Rule(ADAM), network.weights)
    >>> optimizer.step(network.gradients, rate=0.002, learns=False)
    """

    def __init__(self, rule: Rule, weights: Storage) -> None:
        self.rule = rule
        self.first, self.second = (
            Storage.zeros(weights.H, weights.V, weights.dtype) for _ in range(2)
        )
        self.steps = torch.zeros(2)
        arrays = (one.arrays() for one in (self.first, self.second))
        self.arrays = (*arrays, self.steps.numpy())
        self._weights = weights.arrays()

    def step(self, gradients: Storage, rate: float, learns: bool) -> None:
        """Clip the finished gradients as the rule says, in place, and take a step.

        `learns` says whether the initial state takes one too; if not, its gradient must be zero.
        """
        take_step(self._weights, gradients.arrays(), *self.arrays, learns, self.rule, rate, ALONE)
