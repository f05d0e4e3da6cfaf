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


class LayerInputs(NamedTuple):
    """The tensors that a layer's forward pass reads."""

    input: Tensor  # (T, B, I), or (T, B) of indices, which select columns of weight_ih
    initial: Tensor | None  # (B, H); None for zeros
    weight_ih: Tensor  # (H, I)
    weight_hh: Tensor  # (H, H)
    bias_ih: Tensor | None = None  # (H,); both biases or neither. The backward pass reads neither
    bias_hh: Tensor | None = None


class LayerGradients(NamedTuple):
    """The buffers that receive the gradients; None for one that is not wanted."""

    input: Tensor | None  # (T, B, I)
    initial: Tensor | None  # (B, H)
    weight_ih: Tensor  # (H, I)
    weight_hh: Tensor  # (H, H)
    bias: Tensor  # (H,), the same for both biases


@runtime_checkable
class Computation(Protocol):
    """An implementation of both passes."""

    def forward(self, states: Tensor, layer_inputs: LayerInputs) -> None:
        """Write the states (T, B, H) after each step; `states` is contiguous."""
        ...

    def backward(
        self,
        gradients: LayerGradients,
        grad_preactivations: Tensor,
        grad_states: Tensor,
        states: Tensor,
        layer_inputs: LayerInputs,
    ) -> None:
        """Fill the gradient buffers.

        `grad_states` is the loss gradient with respect to the states; `grad_preactivations`
        (T, B, H) receives the one with respect to the pre-activations. The gradient with respect to
        the initial state is wanted if and only if there is an initial state.
        """
        ...


class Separate(NamedTuple):
    """An implementation put together from a recurrence and the matrix products for all steps."""

    recurrence: Recurrence
    products: Products

    def forward(self, states: Tensor, layer_inputs: LayerInputs) -> None:
        T, B, H = states.shape
        check_storages(layer_inputs)
        input, initial, weight_ih, weight_hh, bias_ih, bias_hh = layer_inputs  # noqa: A001
        bias = None if bias_ih is None or bias_hh is None else bias_ih + bias_hh
        rows = states.view(T * B, H)
        if is_dense(input):
            inputs = input.reshape(T * B, -1)
            self.products.input_product(rows, inputs, weight_ih.contiguous(), bias)
        else:
            columns = weight_ih.t() if bias is None else weight_ih.t() + bias
            torch.index_select(columns.contiguous(), 0, input.reshape(-1), out=rows)
        self.recurrence.forward(states, initial, weight_hh)

    def backward(
        self,
        gradients: LayerGradients,
        grad_preactivations: Tensor,
        grad_states: Tensor,
        states: Tensor,
        layer_inputs: LayerInputs,
    ) -> None:
        T, B, H = states.shape
        check_storages(layer_inputs)
        check_storage("the gradient of the states", grad_states)
        input, initial, weight_ih, weight_hh = layer_inputs[:4]  # noqa: A001
        products = self.products
        self.recurrence.backward(
            grad_preactivations, gradients.initial, grad_states, states, weight_hh
        )
        flat = grad_preactivations.view(T * B, H)
        if T == 1:
            gradients.weight_hh.zero_()
        else:
            products.weight_gradient(gradients.weight_hh, flat[B:], states.view(T * B, H)[:-B])
        if initial is not None:
            gradients.weight_hh.addmm_(grad_preactivations[0].t(), initial)
        if is_dense(input):
            products.weight_gradient(gradients.weight_ih, flat, input.reshape(T * B, -1))
            if gradients.input is not None:
                products.input_gradient(
                    gradients.input.view(T * B, -1), flat, weight_ih.contiguous()
                )
        else:
            columns = weight_ih.new_zeros(weight_ih.shape[::-1])
            gradients.weight_ih.copy_(columns.index_add_(0, input.reshape(-1), flat).t())
        torch.sum(flat, 0, out=gradients.bias)


def check_storages(layer_inputs: LayerInputs) -> None:
    """Raise RuntimeError if a tensor's storage was freed or shrunk below what it needs."""
    for name, tensor in layer_inputs._asdict().items():
        if tensor is not None:
            check_storage(name, tensor)


def is_dense(input: Tensor) -> bool:  # noqa: A002
    return input.is_floating_point()
