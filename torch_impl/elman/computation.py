"""A layer's forward and backward pass, written by hand, with results in preallocated tensors.

T steps, B lanes (the sequences of the batch), I inputs, H hidden units. No autograd graph is
recorded.
"""

from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor

from .memory import check_storage
from .products import Products
from .recurrence import Recurrence


class Given(NamedTuple):
    """The tensors that a layer's forward pass reads."""

    input: Tensor  # (T, B, I), or (T, B) of indices, which select columns of weight_ih
    initial: Tensor | None  # (B, H); None for zeros
    weight_ih: Tensor  # (H, I)
    weight_hh: Tensor  # (H, H)
    bias_ih: Tensor | None = None  # (H,); both biases or neither. The backward pass reads neither
    bias_hh: Tensor | None = None


class Slopes(NamedTuple):
    """The buffers that receive the gradients; None for one that is not wanted."""

    input: Tensor | None  # (T, B, I)
    initial: Tensor | None  # (B, H)
    weight_ih: Tensor  # (H, I)
    weight_hh: Tensor  # (H, H)
    bias: Tensor  # (H,), the same for both biases


@runtime_checkable
class Computation(Protocol):
    """An implementation of both passes."""

    def forward(self, states: Tensor, given: Given) -> None:
        """Write the states (T, B, H) after each step; `states` is contiguous."""
        ...

    def backward(
        self, slopes: Slopes, signals: Tensor, from_above: Tensor, states: Tensor, given: Given
    ) -> None:
        """Fill the gradient buffers.

        `from_above` is the loss gradient with respect to the states; `signals` (T, B, H) receives
        the gradient with respect to the pre-activations. The gradient with respect to the initial
        state is wanted if and only if there is an initial state.
        """
        ...


class Separate(NamedTuple):
    """An implementation put together from a recurrence and the matrix products for all steps."""

    recurrence: Recurrence
    products: Products

    def forward(self, states: Tensor, given: Given) -> None:
        T, B, H = states.shape
        check_storages(given)
        input, initial, weight_ih, weight_hh, bias_ih, bias_hh = given  # noqa: A001
        bias = None if bias_ih is None or bias_hh is None else bias_ih + bias_hh
        rows = states.view(T * B, H)
        if is_dense(input):
            inputs = input.reshape(T * B, -1)
            self.products.from_input(rows, inputs, weight_ih.contiguous(), bias)
        else:
            columns = weight_ih.t() if bias is None else weight_ih.t() + bias
            torch.index_select(columns.contiguous(), 0, input.reshape(-1), out=rows)
        self.recurrence.forward(states, initial, weight_hh)

    def backward(
        self, slopes: Slopes, signals: Tensor, from_above: Tensor, states: Tensor, given: Given
    ) -> None:
        T, B, H = states.shape
        check_storages(given)
        check_storage("the gradient of the states", from_above)
        input, initial, weight_ih, weight_hh = given[:4]  # noqa: A001
        products = self.products
        self.recurrence.backward(signals, slopes.initial, from_above, states, weight_hh)
        flat = signals.view(T * B, H)
        if T == 1:
            slopes.weight_hh.zero_()
        else:
            products.by_weight(slopes.weight_hh, flat[B:], states.view(T * B, H)[:-B])
        if initial is not None:
            slopes.weight_hh.addmm_(signals[0].t(), initial)
        if is_dense(input):
            products.by_weight(slopes.weight_ih, flat, input.reshape(T * B, -1))
            if slopes.input is not None:
                products.by_input(slopes.input.view(T * B, -1), flat, weight_ih.contiguous())
        else:
            columns = weight_ih.new_zeros(weight_ih.shape[::-1])
            slopes.weight_ih.copy_(columns.index_add_(0, input.reshape(-1), flat).t())
        torch.sum(flat, 0, out=slopes.bias)


def check_storages(given: Given) -> None:
    """Raise RuntimeError if a tensor's storage was freed or shrunk below what it needs."""
    for name, tensor in given._asdict().items():
        if tensor is not None:
            check_storage(name, tensor)


def is_dense(input: Tensor) -> bool:  # noqa: A002
    return input.is_floating_point()
