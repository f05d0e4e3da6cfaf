"""Training as in PyTorch's documentation: a module, autograd, a clip, torch.optim.Adagrad."""

import shutil
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from benchmarks.engines.torch_training import array
from benchmarks.harness.absence import AbsentError
from benchmarks.problems.training import Problem, State, Trainer
from reference import Parameters
from reference.adagrad import EPSILON


class Module(Trainer):
    """nn.RNN and nn.Linear. The clip acts on the complete gradient; epsilon is outside the root."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.dtype = getattr(torch, problem.dtype)
        self.text = torch.from_numpy(problem.text)
        self.rnn = self.layer()
        self.linear = nn.Linear(problem.H, problem.V, dtype=self.dtype)
        # nn.RNN adds two hidden biases; trained both, their sum would take steps twice as large.
        second = self.rnn.bias_hh_l0
        nn.init.zeros_(second)
        second.requires_grad_(False)
        self.trained = [
            self.rnn.weight_ih_l0,
            self.rnn.weight_hh_l0,
            self.linear.weight,
            self.rnn.bias_ih_l0,
            self.linear.bias,
        ]
        self.optimizer = torch.optim.Adagrad(
            self.trained, lr=problem.learning_rate, eps=EPSILON, foreach=True
        )
        self.loss: Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]] = self.forward

    def layer(self) -> Any:
        self.one_hot = torch.eye(self.problem.V, dtype=self.dtype)
        return nn.RNN(self.problem.V, self.problem.H, dtype=self.dtype)

    def encode(self, inputs: Tensor) -> Tensor:
        return self.one_hot[inputs]

    def forward(self, inputs: Tensor, targets: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        states, final = self.rnn(self.encode(inputs), hidden)
        return cross_entropy(self.linear(states), targets, reduction="sum"), final

    @torch.no_grad()
    def put(self, state: State) -> None:
        for tensor, value, sums in zip(self.trained, state.parameters, state.sums, strict=True):
            tensor.copy_(torch.from_numpy(value).reshape(tensor.shape))
            held = self.optimizer.state[tensor]["sum"]
            held.copy_(torch.from_numpy(sums).reshape(tensor.shape))
        self.hidden = torch.tensor(state.hidden.T, dtype=self.dtype)
        self.position = state.position

    def get(self) -> State:
        H, V = self.problem.H, self.problem.V
        shapes = ((H, V), (H, H), (V, H), (H, 1), (V, 1))
        values, sums = (
            Parameters(*(array(t).reshape(s) for t, s in zip(tensors, shapes, strict=True)))
            for tensors in (self.trained, [self.optimizer.state[t]["sum"] for t in self.trained])
        )
        return State(values, sums, array(self.hidden.T), self.position)

    def advance(self, iterations: int) -> Sequence[float]:
        losses = []
        T, clip = self.problem.T, self.problem.clip
        for _ in range(iterations):
            start, wraps = self.window(self.position)
            if wraps:
                self.hidden = torch.zeros_like(self.hidden)
            text = self.text[start : start + T + 1]
            self.optimizer.zero_grad()
            loss, final = self.loss(text[:-1], text[1:], self.hidden)
            loss.backward()
            nn.utils.clip_grad_value_(self.trained, clip)
            self.optimizer.step()
            self.hidden = final.detach()
            self.position = start + T
            losses.append(loss.item())
        return losses


class Elman(Module):
    """torch_impl.ElmanRNN, which reads indices, in place of nn.RNN."""

    def layer(self) -> Any:
        from torch_impl import ElmanRNN

        return ElmanRNN(self.problem.V, self.problem.H, dtype=self.dtype)

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs


class Compiled(Module):
    """nn.RNN and the loss under torch.compile; building it does not compile anything yet."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        require_compiler()
        self.loss = torch.compile(self.forward)


def require_compiler() -> None:
    """Raise AbsentError if torch.compile finds no C++ compiler."""
    if not any(shutil.which(name) for name in ("g++", "clang++", "c++")):
        raise AbsentError("torch.compile needs a C++ compiler, and there is none")
