"""A layer's forward and backward pass, written by hand, with results in preallocated tensors.

T steps, B lanes (the sequences of the batch), I inputs, H hidden units. Of a packed sequence
(T, B) is one dimension, the R rows of all steps one after the other, of which each step has as many
as it has lanes. No autograd graph is recorded.
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


class LayerOptions(NamedTuple):
    """What a layer computes, and in which order of the steps."""

    batch_sizes: tuple[int, ...] | None = None  # of a packed sequence: each step's lanes
    reverse: bool = False  # from the last step to the first
    relu: bool = False  # in place of tanh


class LayerGradients(NamedTuple):
    """The buffers that receive the gradients; None for one that is not wanted."""

    input: Tensor | None  # (T, B, I)
    initial: Tensor | None  # (B, H)
    weight_ih: Tensor | None  # (H, I)
    weight_hh: Tensor | None  # (H, H)
    bias: Tensor | None  # (H,), the same for both biases


@runtime_checkable
class Computation(Protocol):
    """An implementation of both passes."""

    def forward(
        self, states: Tensor, last: Tensor, layer_inputs: LayerInputs, options: LayerOptions
    ) -> None:
        """Fill the states (T, B, H) after each step and each lane's last state (1, B, H).

        Both are contiguous.
        """
        ...

    def backward(
        self,
        gradients: LayerGradients,
        grad_preactivations: Tensor,
        grad_states: Tensor,
        grad_last: Tensor | None,
        states: Tensor,
        layer_inputs: LayerInputs,
        options: LayerOptions,
    ) -> None:
        """Fill the gradient buffers.

        `grad_states` and `grad_last` are the loss gradients with respect to what the forward pass
        computes, None for zeros; `grad_preactivations` (T, B, H) receives the one with respect to
        the pre-activations.
        """
        ...


def check_storages(layer_inputs: LayerInputs) -> None:
    """Raise RuntimeError if a tensor's storage was freed or shrunk below what it needs."""
    for name, tensor in layer_inputs._asdict().items():
        if tensor is not None:
            check_storage(name, tensor)


def is_dense(input: Tensor) -> bool:  # noqa: A002
    return input.is_floating_point()


def steps_of(rows: Tensor, states: Tensor, options: LayerOptions) -> list[Tensor]:
    """Return the rows of each step of the recurrence, in its order.

    `rows` is (T B, ·), `states` says what T and B are.
    """
    steps = rows.split(states.shape[1] if options.batch_sizes is None else options.batch_sizes)
    return list(reversed(steps)) if options.reverse else list(steps)
