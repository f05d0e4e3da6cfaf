"""Sampling in NumPy: as commonly written, and with the reference."""

import numpy as np

import reference
from benchmarks.problems.sampling import Sampler, SamplingProblem


class Loop(Sampler):
    """One-hot columns, a softmax, the most probable symbol."""

    def __init__(self, problem: SamplingProblem) -> None:
        super().__init__(problem)
        self.weights = tuple(problem.training.start.parameters)

    def write(self, length: int) -> str:
        Whx, Wha, Wya, bh, by = self.weights
        symbols, state = self.problem.training.symbols, self.problem.training.start.hidden
        index = symbols.index(self.problem.first)
        written = [index]
        for _ in range(length):
            x = np.zeros((len(symbols), 1))
            x[index] = 1
            state = np.tanh(np.dot(Whx, x) + np.dot(Wha, state) + bh)
            exponentials = np.exp(np.dot(Wya, state) + by)
            index = int(np.argmax(exponentials / np.sum(exponentials)))
            written.append(index)
        return "".join(symbols[index] for index in written)


class Reference(Sampler):
    """`reference.generate`."""

    def write(self, length: int) -> str:
        start = self.problem.training.start
        return reference.generate(
            start.parameters,
            self.problem.training.vocabulary,
            start.hidden,
            self.problem.first,
            length,
        )
