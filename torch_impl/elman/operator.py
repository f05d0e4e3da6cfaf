"""The layer as a registered torch operator with a hand-written backward pass.

T steps, B lanes (the sequences of the batch), I inputs, H hidden units.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch._C._functorch import is_legacy_batchedtensor
from torch.autograd import forward_ad

from . import composed
from .choice import choose
from .computation import LayerGradients, LayerInputs, LayerOptions

# Registered directly with the dispatcher, with its own autograd kernel: torch.library.custom_op
# and register_autograd do the same but cost 0.1 ms per pass, half the time of a small layer.
_library = torch.library.Library("bptt", "DEF")
_library.define(
    "elman(Tensor input, Tensor? initial, Tensor weight_ih, Tensor weight_hh, Tensor? bias_ih, "
    "Tensor? bias_hh, bool reverse=False, bool relu=False) -> (Tensor, Tensor)"
)
_library.define(
    "elman_backward(Tensor grad_states, Tensor? grad_last, Tensor states, Tensor input, "
    "Tensor? initial, Tensor weight_ih, Tensor weight_hh, bool[] wanted, bool reverse=False, "
    "bool relu=False) -> (Tensor, Tensor, Tensor, Tensor, Tensor)"
)
PLAIN = (Tensor, torch.nn.Parameter)

elman = torch.ops.bptt.elman.default
elman_backward = torch.ops.bptt.elman_backward.default


def states_of(
    layer_inputs: LayerInputs, options: LayerOptions, inner: bool = False
) -> tuple[Tensor, Tensor]:
    """Return the states (T, B, H), or (R, H) of a packed sequence, and the last state (1, B, H).

    They lie in separate memory. `inner` says that nobody else will change the states in place.
    Unless a tracer needs to see the operator `elman`, this bypasses the dispatcher, which takes
    longer than a small layer.
    """
    if torch.compiler.is_compiling():
        return elman(*layer_inputs, options.reverse, options.relu)
    if is_transformed():
        return composed.composed(layer_inputs, options)
    if torch.is_grad_enabled() and _records(*layer_inputs):
        return _Elman.apply(*layer_inputs, options, inner)
    return _forward(layer_inputs, options)


def _forward(layer_inputs: LayerInputs, options: LayerOptions) -> tuple[Tensor, Tensor]:
    input, sizes = layer_inputs.input, options.batch_sizes  # noqa: A001
    H = len(layer_inputs.weight_hh)
    leading, B = (input.shape[:2], input.shape[1]) if sizes is None else (input.shape[:1], sizes[0])
    like = layer_inputs.weight_hh
    states, last = like.new_empty((*leading, H)), like.new_empty((1, B, H))
    choose(like).forward(states, last, layer_inputs, options)
    return states, last


def _elman(
    input: Tensor,  # noqa: A002
    initial: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None,
    bias_hh: Tensor | None,
    reverse: bool = False,
    relu: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return the states (T, B, H) after each step, and the last state (1, B, H).

    `input` is (T, B, I), or (T, B) of indices, which select columns of weight_ih (H, I); `initial`
    is (B, H), or None for zeros; weight_hh is (H, H); the biases are (H,), or both None.
    """
    layer_inputs = LayerInputs(input, initial, weight_ih, weight_hh, bias_ih, bias_hh)
    return _forward(layer_inputs, LayerOptions(None, reverse, relu))


def _fake_elman(
    input, initial, weight_ih, weight_hh, bias_ih, bias_hh, reverse=False, relu=False  # noqa: A002
):  # fmt: skip
    T, B = input.shape[:2]
    H = weight_hh.shape[0]
    return weight_hh.new_empty((T, B, H)), weight_hh.new_empty((1, B, H))


def _elman_backward(
    grad_states: Tensor,
    grad_last: Tensor | None,
    states: Tensor,
    input: Tensor,  # noqa: A002
    initial: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    wanted: Sequence[bool],
    reverse: bool = False,
    relu: bool = False,
) -> tuple[Tensor, ...]:
    """Return the gradients of input, initial, weight_ih, weight_hh and of each bias.

    Those that are not `wanted`, a flag for each, are empty.
    """
    layer_inputs = LayerInputs(input, initial, weight_ih, weight_hh)
    gradients = _layer_gradients(
        grad_states,
        grad_last,
        states,
        layer_inputs,
        wanted,
        LayerOptions(None, reverse, relu),
    )
    return tuple(weight_hh.new_empty(0) if found is None else found for found in gradients)


def _layer_gradients(
    grad_states: Tensor,
    grad_last: Tensor | None,
    states: Tensor,
    layer_inputs: LayerInputs,
    wanted: Sequence[bool],
    options: LayerOptions,
) -> LayerGradients:
    states = states.contiguous()
    input, initial, weight_ih, *_ = layer_inputs  # noqa: A001
    H, I = weight_ih.shape  # noqa: E741
    shapes = (input.shape, (0, H) if initial is None else initial.shape, (H, I), (H, H), (H,))
    gradients = LayerGradients(
        *(
            states.new_empty(shape) if is_wanted else None
            for shape, is_wanted in zip(shapes, wanted, strict=True)
        )
    )
    grad_preactivations = torch.empty_like(states)
    choose(states).backward(
        gradients, grad_preactivations, grad_states, grad_last, states, layer_inputs, options
    )
    return gradients


def _fake_elman_backward(
    grad_states,
    grad_last,
    states,
    input,  # noqa: A002
    initial,
    weight_ih,
    weight_hh,
    wanted,
    reverse=False,
    relu=False,
):
    H = weight_hh.shape[:1]
    shapes = input.shape, H if initial is None else initial.shape
    shapes = *shapes, weight_ih.shape, weight_hh.shape, H
    return tuple(
        weight_hh.new_empty(shape if is_wanted else 0)
        for shape, is_wanted in zip(shapes, wanted, strict=True)
    )


class _Elman(torch.autograd.Function):
    """The operator's autograd kernel; its backward is itself the operator `elman_backward`."""

    @staticmethod
    def forward(ctx, *arguments):
        layer_inputs, (options, inner) = LayerInputs(*arguments[:6]), arguments[6:]
        if options.batch_sizes is not None or _is_plain(layer_inputs.weight_hh):
            states, last = _forward(layer_inputs, options)
        else:
            with torch._C._AutoDispatchBelowAutograd():
                states, last = elman(*layer_inputs, options.reverse, options.relu)
        # As in nn.RNN, backward reads the weights as they were, even if their .data is replaced,
        # and changes to the output or the last state do not affect it.
        input, initial, weight_ih, weight_hh, bias_ih, bias_hh = layer_inputs  # noqa: A001
        ctx.save_for_backward(states, input, initial, weight_ih.detach(), weight_hh.detach())
        ctx.set_materialize_grads(False)
        ctx.weights = weight_ih, weight_hh, bias_ih, bias_hh
        ctx.versions = _versions(bias_ih, bias_hh)
        ctx.options = options
        return states if inner else states.clone(), last

    @staticmethod
    def backward(ctx, *grad_outputs):
        grad_states, grad_last = grad_outputs
        if grad_states is None and grad_last is None:
            return (None,) * 8
        states, input, initial, weight_ih, weight_hh = ctx.saved_tensors  # noqa: A001
        options, plain = ctx.options, all(map(_is_plain, grad_outputs))
        # With create_graph the result needs a graph; batched gradients have no address to pass.
        batched = is_transformed() or _is_batched(grad_states) or _is_batched(grad_last)
        packed = options.batch_sizes is not None
        if batched or torch.is_grad_enabled() or (packed and not plain):
            if ctx.versions != _versions(*ctx.weights[2:]):
                raise RuntimeError("a bias has been modified by an inplace operation")
            layer_inputs = LayerInputs(input, initial, *ctx.weights)
            wanted = ctx.needs_input_grad[:6]
            return *composed.gradients(layer_inputs, options, wanted, grad_outputs), None, None
        wants_ih, wants_hh = ctx.needs_input_grad[4:6]
        wanted = (*ctx.needs_input_grad[:4], wants_ih or wants_hh)
        if grad_states is None:
            grad_states = torch.zeros_like(states)
        if plain:
            layer_inputs = LayerInputs(input, initial, weight_ih, weight_hh)
            above = grad_states, grad_last
            found = _layer_gradients(*above, states, layer_inputs, wanted, options)
        else:
            tensors = grad_states, grad_last, states, input, initial, weight_ih, weight_hh
            found = elman_backward(*tensors, wanted, options.reverse, options.relu)
        *slopes, bias = (
            value if is_wanted else None for value, is_wanted in zip(found, wanted, strict=True)
        )
        grad_bias_hh = bias if wants_hh else None
        if bias is not None and wants_ih and wants_hh:
            grad_bias_hh = bias.clone()  # two gradients must not share memory
        return *slopes, bias if wants_ih else None, grad_bias_hh, None, None


def is_transformed() -> bool:
    """Return whether torch.func, batched gradients or forward mode need torch's operations."""
    return torch._C._are_functorch_transforms_active() or forward_ad._current_level >= 0


def _is_batched(tensor: Tensor | None) -> bool:
    """Return whether it holds several gradients at once, as with is_grads_batched."""
    return tensor is not None and is_legacy_batchedtensor(tensor)


def _is_plain(tensor: Tensor | None) -> bool:
    """Return whether the dispatcher can be bypassed: no tensor subclass and no active mode."""
    return (tensor is None or type(tensor) in PLAIN) and torch._C._len_torch_dispatch_stack() == 0


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


def _apply(*arguments):
    *tensors, reverse, relu = *arguments, *(False, False)[len(arguments) - 6 :]
    return _Elman.apply(*tensors, LayerOptions(None, reverse, relu), False)


_library.impl("elman", _elman, "CompositeExplicitAutograd")
_library.impl("elman", _apply, "Autograd")
_library.impl("elman_backward", _elman_backward, "CompositeExplicitAutograd")
torch.library.register_fake("bptt::elman", _fake_elman, lib=_library)
torch.library.register_fake("bptt::elman_backward", _fake_elman_backward, lib=_library)
