"""Training in NumPy: as commonly written, and with `reference`."""

from collections.abc import Sequence

import numpy as np

import reference
from benchmarks.problems.training import Problem, State, Trainer
from reference import Parameters


class Loop(Trainer):
    """The loop of many tutorials: one-hot columns, an outer product per step, the running clip.

    It is neither optimised nor slowed down on purpose.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.columns = np.eye(problem.V, dtype=problem.dtype)[:, :, np.newaxis]

    def put(self, state: State) -> None:
        cast = self.problem.cast
        self.weights = [cast(value) for value in state.parameters]
        self.memory = [cast(value) for value in state.sums]
        self.hidden, self.position = cast(state.hidden), state.position

    def get(self) -> State:
        values, sums = (
            Parameters(*(array.astype(np.float64) for array in arrays))
            for arrays in (self.weights, self.memory)
        )
        return State(values, sums, self.hidden.astype(np.float64), self.position)

    def advance(self, iterations: int) -> Sequence[float]:
        losses = []
        for _ in range(iterations):
            start, wraps = self.window(self.position)
            if wraps:
                self.hidden = np.zeros_like(self.hidden)
            text = self.problem.text[start : start + self.problem.T + 1]
            loss, gradients, self.hidden = self.differentiate(text[:-1], text[1:], self.hidden)
            for weight, gradient, memory in zip(self.weights, gradients, self.memory, strict=True):
                memory += gradient * gradient
                weight -= self.problem.learning_rate * gradient / np.sqrt(memory + 1e-8)
            self.position = start + self.problem.T
            losses.append(loss)
        return losses

    def differentiate(
        self, inputs: np.ndarray, targets: np.ndarray, hidden: np.ndarray
    ) -> tuple[float, list[np.ndarray], np.ndarray]:
        Whx, Wha, Wya, bh, by = self.weights
        x, a, p = {}, {-1: hidden}, {}
        loss = 0.0
        for t in range(len(inputs)):
            x[t] = self.columns[inputs[t]]
            a[t] = np.tanh(np.dot(Whx, x[t]) + np.dot(Wha, a[t - 1]) + bh)
            exponentials = np.exp(np.dot(Wya, a[t]) + by)
            p[t] = exponentials / np.sum(exponentials)
            loss += -np.log(p[t][targets[t], 0])
        dWhx, dWha, dWya, dbh, dby = gradients = [np.zeros_like(weight) for weight in self.weights]
        from_next = np.zeros_like(hidden)
        for t in reversed(range(len(inputs))):
            dz = np.copy(p[t])
            dz[targets[t]] -= 1
            dWya += np.dot(dz, a[t].T)
            dby += dz
            dh = (1 - a[t] * a[t]) * (np.dot(Wya.T, dz) + from_next)
            dbh += dh
            dWhx += np.dot(dh, x[t].T)
            dWha += np.dot(dh, a[t - 1].T)
            from_next = np.dot(Wha.T, dh)
            for gradient in gradients:
                np.clip(gradient, -self.problem.clip, self.problem.clip, out=gradient)
        return float(loss), gradients, a[len(inputs) - 1]


class Reference(Trainer):
    """`reference.Training`, float64 only."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.training = reference.Training(
            problem.text,
            problem.hyperparameters,
            vocabulary=problem.vocabulary,
            parameters=problem.start.parameters,
            clip=problem.clip,
        )
        self.training.iteration = 1  # the first one would also write a sample

    def put(self, state: State) -> None:
        self.training.parameters = state.parameters.copy()
        self.training.accumulators = state.sums.copy()
        self.training.hidden_state = state.hidden.copy()
        self.training.position = state.position

    def get(self) -> State:
        training = self.training
        return State(
            training.parameters.copy(),
            training.accumulators.copy(),
            training.hidden_state.copy(),
            training.position,
        )

    def advance(self, iterations: int) -> Sequence[float]:
        return [self.training.step().loss for _ in range(iterations)]
