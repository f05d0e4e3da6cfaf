# pyright: reportMissingImports=false, reportAttributeAccessIssue=false
# (autograd is an extra; its numpy module creates its functions when it is imported)
"""Training with HIPS autograd: the forward pass in NumPy, differentiated automatically."""

from collections.abc import Sequence
from typing import Any

import autograd.numpy as np
from autograd import value_and_grad

from benchmarks.engines.numpy_training import Loop
from benchmarks.problems.training import Problem


class Autograd(Loop):
    """Clips the complete gradient, epsilon inside the root; indices instead of one-hot products."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        differentiate: Any = value_and_grad
        self.loss_and_gradients = differentiate(self.loss)

    def loss(self, weights: list, inputs: Sequence[int], targets: Sequence[int]) -> float:
        Whx, Wha, Wya, bh, by = weights
        state, states = self.hidden, []
        for x in inputs:
            state = np.tanh(np.dot(Wha, state) + Whx[:, x : x + 1] + bh)
            states.append(state)
        self.final = state
        logits = np.dot(Wya, np.concatenate(states, axis=1)) + by
        # The largest logit is subtracted so that exp cannot overflow.
        shifted = logits - np.max(logits, axis=0)
        correct = shifted[np.array(targets), np.arange(len(targets))]
        return np.sum(np.log(np.sum(np.exp(shifted), axis=0)) - correct)

    def differentiate(self, inputs, targets, hidden):
        loss, gradients = self.loss_and_gradients(self.weights, inputs, targets)
        clip = self.problem.clip
        gradients = [np.clip(gradient, -clip, clip) for gradient in gradients]
        return float(loss), gradients, self.final._value
