"""Sampling in PyTorch: the twin, and nn.RNN called once per character."""

import torch

import torch_impl
from benchmarks.problems.sampling import Sampler, SamplingProblem
from torch_impl import convert


class Twin(Sampler):
    """`torch_impl.generate`."""

    def __init__(self, problem: SamplingProblem) -> None:
        super().__init__(problem)
        start = problem.training.start
        self.parameters = convert.from_reference(start.parameters)
        self.state = torch.tensor(start.hidden)
        self.vocabulary = problem.training.vocabulary

    def write(self, length: int) -> str:
        return torch_impl.generate(
            self.parameters, self.vocabulary, self.state, self.problem.first, length
        )


class Module(Sampler):
    """nn.RNN and nn.Linear, called once per character."""

    def __init__(self, problem: SamplingProblem) -> None:
        super().__init__(problem)
        start = problem.training.start
        self.rnn, self.linear = convert.to_modules(convert.from_reference(start.parameters))
        self.state = torch.tensor(start.hidden.T)
        self.one_hot = torch.eye(problem.training.V, dtype=torch.float64)

    @torch.no_grad()
    def write(self, length: int) -> str:
        symbols, state = self.problem.training.symbols, self.state
        index = symbols.index(self.problem.first)
        written = [index]
        for _ in range(length):
            states, state = self.rnn(self.one_hot[index : index + 1], state)
            index = int(self.linear(states[0]).argmax())
            written.append(index)
        return "".join(symbols[index] for index in written)
