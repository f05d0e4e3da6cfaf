"""A layer's forward and backward pass in PyTorch: modules with autograd, and by hand."""

from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.engines.module_training import require_compiler
from benchmarks.problems.layer import Layer, LayerProblem


def state_dict(numbers: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return a LayerProblem's weights under nn.RNN's names; bias_hh is zero."""
    return {
        "weight_ih_l0": numbers["Wih"],
        "weight_hh_l0": numbers["Whh"],
        "bias_ih_l0": numbers["bias"],
        "bias_hh_l0": torch.zeros_like(numbers["bias"]),
    }


class Module(Layer):
    """nn.RNN and autograd."""

    def __init__(self, problem: LayerProblem) -> None:
        super().__init__(problem)
        numbers = {name: torch.from_numpy(array) for name, array in problem.numbers().items()}
        self.signals = numbers["signals"]
        self.inputs: Any = numbers["inputs"].requires_grad_()
        self.rnn = self.layer(problem.H, getattr(torch, problem.dtype))
        self.rnn.load_state_dict(state_dict(numbers))
        self.call: Any = self.rnn

    def layer(self, H: int, dtype: torch.dtype) -> Any:
        return nn.RNN(H, H, dtype=dtype)

    def run(self, units: int) -> None:
        for _ in range(units):
            self.inputs.grad = None
            self.rnn.zero_grad()
            self.states, _ = self.call(self.inputs)
            self.states.backward(self.signals)

    def results(self) -> list[np.ndarray]:
        self.run(1)
        rnn, inputs = self.rnn, self.inputs
        leaves = (inputs, rnn.weight_ih_l0, rnn.weight_hh_l0, rnn.bias_ih_l0)
        return [self.states.detach().numpy(), *(leaf.grad.numpy() for leaf in leaves)]


class Elman(Module):
    """torch_impl.ElmanRNN and autograd."""

    def layer(self, H: int, dtype: torch.dtype) -> Any:
        from torch_impl import ElmanRNN

        return ElmanRNN(H, H, dtype=dtype)


class Passes(Layer):
    """torch_impl.ElmanPasses: no autograd, buffers reused."""

    def __init__(self, problem: LayerProblem) -> None:
        from torch_impl import ElmanPasses, ElmanRNN

        super().__init__(problem)
        numbers = {name: torch.from_numpy(array) for name, array in problem.numbers().items()}
        self.inputs, self.signals = numbers["inputs"], numbers["signals"]
        layer = ElmanRNN(problem.H, problem.H, dtype=self.inputs.dtype)
        layer.load_state_dict(state_dict(numbers))
        self.passes = ElmanPasses(layer)

    def run(self, units: int) -> None:
        for _ in range(units):
            self.states, _ = self.passes.forward(self.inputs)
            self.gradients = self.passes.backward(self.signals)

    def results(self) -> list[np.ndarray]:
        self.run(1)
        got = self.gradients
        assert got.input is not None
        gradients = (got.input, got.weight_ih, got.weight_hh, got.bias)
        return [tensor.numpy().copy() for tensor in (self.states, *gradients)]


class Compiled(Module):
    """nn.RNN under torch.compile."""

    def __init__(self, problem: LayerProblem) -> None:
        require_compiler()
        super().__init__(problem)
        torch._dynamo.reset()
        self.call = torch.compile(self.rnn)


class Operations(Layer):
    """No autograd: an in-place product per time step, everything else once for all steps."""

    def __init__(self, problem: LayerProblem) -> None:
        super().__init__(problem)
        numbers = {name: torch.from_numpy(array) for name, array in problem.numbers().items()}
        self.Wih, self.Whh, self.bias = numbers["Wih"], numbers["Whh"], numbers["bias"]
        self.inputs, self.signals = numbers["inputs"], numbers["signals"]
        T, B, H = self.inputs.shape
        self.states = self.inputs.new_zeros(T + 1, B, H)
        self.from_input, self.dh = (torch.empty_like(self.inputs) for _ in range(2))
        self.gradients: list[torch.Tensor] = []

    @torch.no_grad()
    def run(self, units: int) -> None:
        for _ in range(units):
            self.once()

    def once(self) -> None:
        T, B, H = self.inputs.shape
        states, dh, from_input, Whh = self.states, self.dh, self.from_input, self.Whh
        flat = self.inputs.view(T * B, H)
        torch.addmm(self.bias, flat, self.Wih.T, out=from_input.view(T * B, H))
        transposed = Whh.T
        for t in range(T):
            torch.addmm(from_input[t], states[t], transposed, out=states[t + 1])
            states[t + 1].tanh_()
        derivative = torch.addcmul(torch.ones_like(dh), states[1:], states[1:], value=-1)
        dh[T - 1] = self.signals[T - 1]
        dh[T - 1] *= derivative[T - 1]
        for t in range(T - 2, -1, -1):
            torch.addmm(self.signals[t], dh[t + 1], Whh, out=dh[t])
            dh[t] *= derivative[t]
        by_step = dh.view(T * B, H)
        self.gradients = [
            (by_step @ self.Wih).view(T, B, H),
            by_step.T @ flat,
            by_step.T @ states[:-1].view(T * B, H),
            by_step.sum(0),
        ]

    def results(self) -> list[np.ndarray]:
        self.run(1)
        return [tensor.numpy() for tensor in (self.states[1:], *self.gradients)]
