"""A layer's forward and backward pass, written by hand, with results in preallocated tensors.

T steps, B lanes (the sequences of the batch), I inputs, H hidden units. No autograd graph is
recorded.
"""

from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor

from .memory import check_storage


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


def check_storages(layer_inputs: LayerInputs) -> None:
    """Raise RuntimeError if a tensor's storage was freed or shrunk below what it needs."""
    for name, tensor in layer_inputs._asdict().items():
        if tensor is not None:
            check_storage(name, tensor)


def is_dense(input: Tensor) -> bool:  # noqa: A002
    return input.is_floating_point()
