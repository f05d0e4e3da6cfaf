"""Training with this project's PyTorch engines: the twin and the fast engine."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from benchmarks.problems.training import Problem, State, Trainer
from reference import Parameters


def arrays(tensors: Iterable[torch.Tensor]) -> Parameters:
    """Return float64 copies."""
    return Parameters(*(array(tensor) for tensor in tensors))


def array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().to(torch.float64, copy=True).numpy()


class Twin(Trainer):
    """`torch_impl.Training`, one iteration per call."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.dtype = getattr(torch, problem.dtype)
        self.training = self.begin()
        self.training.iteration = 1  # the first one would also write a sample

    def begin(self) -> Any:
        import torch_impl
        from torch_impl import convert

        problem = self.problem
        self.convert = convert.from_reference
        return torch_impl.Training(
            torch.from_numpy(problem.text),
            problem.hyperparameters,
            vocabulary=problem.vocabulary,
            parameters=convert.from_reference(problem.start.parameters, dtype=self.dtype),
            clip=problem.clip,
            dtype=self.dtype,
        )

    def put(self, state: State) -> None:
        self.training.parameters = self.convert(state.parameters, dtype=self.dtype)
        self.training.accumulators = self.convert(state.sums, dtype=self.dtype)
        self.training.hidden_state = torch.tensor(state.hidden, dtype=self.dtype)
        self.training.position = state.position

    def get(self) -> State:
        training = self.training
        return State(
            arrays(training.parameters),
            arrays(training.accumulators),
            array(training.hidden_state),
            training.position,
        )

    def advance(self, iterations: int) -> Sequence[float]:
        return [self.training.step().loss for _ in range(iterations)]


class Fast(Twin):
    """`torch_impl.fast.Training`, all iterations in one call."""

    def begin(self) -> Any:
        from torch_impl.fast import Training

        problem = self.problem
        return Training(
            problem.text,
            problem.hyperparameters,
            vocabulary=problem.vocabulary,
            parameters=problem.start.parameters,
            clip=problem.clip,
            dtype=self.dtype,
        )

    def put(self, state: State) -> None:
        self.training.parameters = state.parameters
        self.training.accumulators = state.sums
        self.training.hidden_state = torch.tensor(state.hidden, dtype=self.dtype)
        self.training.position = state.position

    def advance(self, iterations: int) -> Sequence[float]:
        return [step.loss for step in self.training.advance(iterations)]
