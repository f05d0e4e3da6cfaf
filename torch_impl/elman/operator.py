"""The layer as a registered torch operator with a hand-written backward pass.

T steps, B lanes (the sequences of the batch), I inputs, H hidden units.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch._C._functorch import is_legacy_batchedtensor
from torch.autograd import forward_ad

from . import composed
from .choice import choose
from .computation import LayerGradients, LayerInputs

# Registered directly with the dispatcher, with its own autograd kernel: torch.library.custom_op
# and register_autograd do the same but cost 0.1 ms per pass, half the time of a small layer.
_library = torch.library.Library("bptt", "DEF")
_library.define(
    "elman(Tensor input, Tensor? initial, Tensor weight_ih, Tensor weight_hh, "
    "Tensor? bias_ih, Tensor? bias_hh) -> Tensor"
)
_library.define(
    "elman_backward(Tensor grad_states, Tensor states, Tensor input, Tensor? initial, "
    "Tensor weight_ih, Tensor weight_hh, bool wants_input) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor)"
)
PLAIN = (Tensor, torch.nn.Parameter)

elman = torch.ops.bptt.elman.default
elman_backward = torch.ops.bptt.elman_backward.default


def states_of(layer_inputs: LayerInputs) -> tuple[Tensor, Tensor]:
    """Return the states (T, B, H) and the last state (1, B, H), in separate memory.

    Unless a tracer needs to see the operator `elman`, this bypasses the dispatcher, which takes
    longer than a small layer.
    """
    if torch.compiler.is_compiling():
        states = elman(*layer_inputs)
    elif is_transformed():
        states = composed.composed(*layer_inputs)
    elif torch.is_grad_enabled() and _records(*layer_inputs):
        return _Elman.apply(*layer_inputs)
    else:
        states = _elman(*layer_inputs)
    return states, _last(states)


def _elman(
    input: Tensor,  # noqa: A002
    initial: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None,
    bias_hh: Tensor | None,
) -> Tensor:
    """Return the states (T, B, H) after each step.

    `input` is (T, B, I), or (T, B) of indices, which select columns of weight_ih (H, I); `initial`
    is (B, H), or None for zeros; weight_hh is (H, H); the biases are (H,), or both None.
    """
    T, B = input.shape[:2]
    states = weight_hh.new_empty((T, B, len(weight_hh)))
    computation = choose(states)
    computation.forward(states, LayerInputs(input, initial, weight_ih, weight_hh, bias_ih, bias_hh))
    return states


def _fake_elman(input, initial, weight_ih, weight_hh, bias_ih, bias_hh):  # noqa: A002
    T, B = input.shape[:2]
    return weight_hh.new_empty((T, B, weight_hh.shape[0]))


def _elman_backward(
    grad_states: Tensor,
    states: Tensor,
    input: Tensor,  # noqa: A002
    initial: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    wants_input: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Return the gradients of input, initial, weight_ih, weight_hh and of each bias.

    Those of input and initial are empty if absent or not wanted.
    """
    gradients = _layer_gradients(
        grad_states, states, input, initial, weight_ih, weight_hh, wants_input
    )
    return (
        weight_ih.new_empty(0) if gradients.input is None else gradients.input,
        weight_hh.new_empty((0, 0)) if gradients.initial is None else gradients.initial,
        *gradients[2:],
    )


def _layer_gradients(
    grad_states: Tensor,
    states: Tensor,
    input: Tensor,  # noqa: A002
    initial: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    wants_input: bool,
) -> LayerGradients:
    states = states.contiguous()
    H, I = weight_ih.shape  # noqa: E741
    grad_input = input.new_empty(input.shape) if wants_input else None
    grad_initial = None if initial is None else states.new_empty(initial.shape)
    gradients = LayerGradients(
        grad_input,
        grad_initial,
        weight_ih.new_empty((H, I)),
        weight_hh.new_empty((H, H)),
        weight_hh.new_empty(H),
    )
    grad_preactivations = torch.empty_like(states)
    computation = choose(states)
    layer_inputs = LayerInputs(input, initial, weight_ih, weight_hh)
    computation.backward(gradients, grad_preactivations, grad_states, states, layer_inputs)
    return gradients


def _fake_elman_backward(grad_states, states, input, initial, weight_ih, weight_hh, wants_input):  # noqa: A002
    grad_input = input.new_empty(input.shape) if wants_input else weight_ih.new_empty(0)
    return (
        grad_input,
        weight_hh.new_empty((0, 0) if initial is None else initial.shape),
        weight_ih.new_empty(weight_ih.shape),
        weight_hh.new_empty(weight_hh.shape),
        weight_hh.new_empty(weight_hh.shape[:1]),
    )


class _Elman(torch.autograd.Function):
    """The operator's autograd kernel; its backward is itself the operator `elman_backward`."""

    @staticmethod
    def forward(ctx, input, initial, weight_ih, weight_hh, bias_ih, bias_hh):  # noqa: A002
        arguments = input, initial, weight_ih, weight_hh, bias_ih, bias_hh
        if _is_plain(weight_hh):
            states = _elman(*arguments)
        else:
            with torch._C._AutoDispatchBelowAutograd():
                states = elman(*arguments)
        # As in nn.RNN, backward reads the weights as they were, even if their .data is replaced,
        # and changes to the output or the last state do not affect it.
        kept = weight_ih.detach(), weight_hh.detach()
        ctx.save_for_backward(states, input, initial, *kept)
        ctx.set_materialize_grads(False)
        ctx.weights = weight_ih, weight_hh, bias_ih, bias_hh
        ctx.versions = _versions(bias_ih, bias_hh)
        return states.clone(), _last(states)

    @staticmethod
    def backward(ctx, *grad_outputs):
        grad_output, grad_last = grad_outputs
        if grad_output is None and grad_last is None:
            return (None,) * 6
        states, input, initial, weight_ih, weight_hh = ctx.saved_tensors  # noqa: A001
        # With create_graph the result needs a graph; batched gradients have no address to pass.
        batched = is_transformed() or _is_batched(grad_output) or _is_batched(grad_last)
        if batched or torch.is_grad_enabled():
            if ctx.versions != _versions(*ctx.weights[2:]):
                raise RuntimeError("a bias has been modified by an inplace operation")
            layer_inputs = LayerInputs(input, initial, *ctx.weights)
            return tuple(
                composed.gradients(layer_inputs, ctx.needs_input_grad, grad_output, grad_last)
            )
        wants_input, wants_initial, _, _, wants_ih, wants_hh = ctx.needs_input_grad
        grad_states = grad_output
        if grad_last is not None:
            grad_states = torch.zeros_like(states) if grad_output is None else _copy(grad_output)
            grad_states[-1:] += grad_last
        reverse: Callable = _layer_gradients if _is_plain(grad_states) else elman_backward
        grad_input, grad_initial, grad_weight_ih, grad_weight_hh, grad_bias = reverse(
            grad_states, states, input, initial, weight_ih, weight_hh, wants_input
        )
        return (
            grad_input if wants_input else None,
            grad_initial if wants_initial else None,
            grad_weight_ih,
            grad_weight_hh,
            grad_bias if wants_ih else None,
            grad_bias.clone() if wants_hh else None,  # two gradients must not share memory
        )


def is_transformed() -> bool:
    """Return whether torch.func, batched gradients or forward mode need torch's operations."""
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0


def _is_batched(tensor: Tensor | None) -> bool:
    """Return whether it holds several gradients at once, as with is_grads_batched."""
    return tensor is not None and is_legacy_batchedtensor(tensor)


def _is_plain(tensor: Tensor | None) -> bool:
    """Return whether the dispatcher can be bypassed: no tensor subclass and no active mode."""
    return type(tensor) in PLAIN and torch._C._len_torch_dispatch_stack() == 0


def _copy(tensor: Tensor) -> Tensor:
    return tensor.clone(memory_format=torch.contiguous_format)


def _last(states: Tensor) -> Tensor:
    """Return a copy of the last step's states, (1, B, H)."""
    return states.narrow_copy(0, states.shape[0] - 1, 1)


def _records(input, initial, weight_ih, weight_hh, bias_ih, bias_hh) -> bool:  # noqa: A002
    """Return whether any of the tensors requires a gradient."""
    return (
        weight_hh.requires_grad
        or input.requires_grad
        or weight_ih.requires_grad
        or (initial is not None and initial.requires_grad)
        or (bias_ih is not None and bias_ih.requires_grad)
        or (bias_hh is not None and bias_hh.requires_grad)
    )


def _versions(bias_ih: Tensor | None, bias_hh: Tensor | None) -> tuple[int, int] | None:
    """Return torch's version counters, which count the in-place changes of each bias."""
    return None if bias_ih is None or bias_hh is None else (bias_ih._version, bias_hh._version)


def _apply(*arguments: Tensor | None) -> Tensor:
    return _Elman.apply(*arguments)[0]


_library.impl("elman", _elman, "CompositeExplicitAutograd")
_library.impl("elman", _apply, "Autograd")
_library.impl("elman_backward", _elman_backward, "CompositeExplicitAutograd")
torch.library.register_fake("bptt::elman", _fake_elman, lib=_library)
torch.library.register_fake("bptt::elman_backward", _fake_elman_backward, lib=_library)
