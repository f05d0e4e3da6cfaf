"""A plain recurrent layer that drops in for torch.nn.RNN(nonlinearity="tanh")."""

import math

import torch
from torch import Tensor, nn

from .operator import states_of

UNSUPPORTED = {"num_layers": 1, "nonlinearity": "tanh", "dropout": 0.0, "bidirectional": False}


class ElmanRNN(nn.Module):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_{t-1} + b_hh), one layer, one direction.

    Arguments, parameter names, initial values, shapes in and out and state_dict are nn.RNN's.
    Beyond nn.RNN, the input may be whole numbers, which stand for one-hot vectors: (T, B), or
    (B, T) with batch_first, or (T,) without a batch. Gradients of gradients are not supported.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        """Draw the weights as nn.RNN does: the same generator state gives the same ones.

        Raises NotImplementedError for what nn.RNN has and this layer doesn't; ValueError for a
        size below 1; TypeError for sizes that are no whole numbers.
        """
        super().__init__()
        given = {
            "num_layers": num_layers,
            "nonlinearity": nonlinearity,
            "dropout": dropout,
            "bidirectional": bidirectional,
        }
        for name, only in UNSUPPORTED.items():
            if given[name] != only:
                raise NotImplementedError(
                    f"ElmanRNN supports {name}={only!r} only, got {given[name]!r}; use nn.RNN"
                )
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            if not isinstance(size, int):
                raise TypeError(f"{name} must be a whole number, got {size!r}")
            if size < 1:
                raise ValueError(f"{name} must be at least 1, got {size}")
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.nonlinearity = nonlinearity
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = dropout
        self.bidirectional = bidirectional

        def parameter(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape, device=device, dtype=dtype))

        self.weight_ih_l0 = parameter(hidden_size, input_size)
        self.weight_hh_l0 = parameter(hidden_size, hidden_size)
        if bias:
            self.bias_ih_l0 = parameter(hidden_size)
            self.bias_hh_l0 = parameter(hidden_size)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all parameters evenly from ±1/sqrt(H)."""
        bound = 1.0 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            nn.init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing: nn.RNN needs it for cuDNN."""

    @property
    def all_weights(self) -> list[list[nn.Parameter]]:
        return [list(self.parameters())]

    def extra_repr(self) -> str:
        extra = f"{self.input_size}, {self.hidden_size}"
        extra += "" if self.bias else ", bias=False"
        return extra + (", batch_first=True" if self.batch_first else "")

    def forward(self, input: Tensor, hx: Tensor | None = None) -> tuple[Tensor, Tensor]:  # noqa: A002
        """Return all states and the last ones, in nn.RNN's shapes.

        Raises ValueError for another number of dimensions or another dtype, RuntimeError for
        sizes that don't fit or no steps, IndexError for an index outside 0..input_size-1,
        TypeError for a packed sequence.
        """
        sequence, initial = self.checked(input, hx)
        biases = (self.bias_ih_l0, self.bias_hh_l0) if self.bias else (None, None)
        states = states_of(sequence, initial, self.weight_ih_l0, self.weight_hh_l0, *biases)
        return self.shaped(states, input)

    def shaped(self, steps: Tensor, input: Tensor) -> tuple[Tensor, Tensor]:  # noqa: A002
        """Return all of (T, B, …) and its last step, in nn.RNN's shapes for an input."""
        last = steps[-1:]
        if self.is_batched(input):
            return (steps.transpose(0, 1) if self.batch_first else steps), last
        return steps.squeeze(1), last.squeeze(1)

    def steps_first(self, value: Tensor, input: Tensor) -> Tensor:  # noqa: A002
        """Return what has the shape of nn.RNN's output for an input as (T, B, …)."""
        if not self.is_batched(input):
            return value.unsqueeze(1)
        return value.transpose(0, 1) if self.batch_first else value

    def is_batched(self, input: Tensor) -> bool:  # noqa: A002
        return input.dim() == (3 if input.is_floating_point() else 2)

    def checked(
        self,
        input: Tensor,  # noqa: A002
        hx: Tensor | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Return input and initial state with the steps first and a batch second."""
        if not isinstance(input, Tensor):
            raise TypeError(f"ElmanRNN takes tensors, got {type(input).__name__}")
        weight = self.weight_hh_l0
        dense = input.is_floating_point()
        if not dense and input.dtype not in (torch.int64, torch.int32):
            raise ValueError(
                f"input must be {weight.dtype}, or torch.int64 or torch.int32 indices, "
                f"got {input.dtype}"
            )
        dimensions = (2, 3) if dense else (1, 2)
        if input.dim() not in dimensions:
            raise ValueError(
                f"input of {input.dtype} must have {dimensions[0]} or {dimensions[1]} dimensions, "
                f"got {input.dim()}"
            )
        batched = self.is_batched(input)
        sequence = self.steps_first(input, input)
        T, B = sequence.shape[:2]
        if T == 0:
            raise RuntimeError("input must have at least one step, got none")
        if B == 0:
            raise RuntimeError("input must have at least one sequence in the batch, got none")
        if dense:
            if input.dtype != weight.dtype:
                raise ValueError(f"input must be {weight.dtype} as the weights, got {input.dtype}")
            if input.shape[-1] != self.input_size:
                raise RuntimeError(
                    f"input's last dimension must be input_size {self.input_size}, "
                    f"got {input.shape[-1]}"
                )
        return sequence, None if hx is None else self._checked_state(hx, B, batched)

    def _checked_state(self, hx: Tensor, B: int, batched: bool) -> Tensor:
        weight = self.weight_hh_l0
        expected = (1, B, self.hidden_size) if batched else (1, self.hidden_size)
        if tuple(hx.shape) != expected:
            raise RuntimeError(f"hx must be of shape {expected}, got {tuple(hx.shape)}")
        if hx.dtype != weight.dtype:
            raise ValueError(f"hx must be {weight.dtype} as the weights, got {hx.dtype}")
        return hx.reshape(B, self.hidden_size)
