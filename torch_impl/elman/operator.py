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
from .computation import Given, Slopes

# Registered directly with the dispatcher, with its own autograd kernel: torch.library.custom_op
# and register_autograd do the same but cost 0.1 ms per pass, half the time of a small layer.
_library = torch.library.Library("bptt", "DEF")
_library.define(
    "elman(Tensor input, Tensor? initial, Tensor weight_ih, Tensor weight_hh, "
    "Tensor? bias_ih, Tensor? bias_hh) -> Tensor"
)
_library.define(
    "elman_backward(Tensor from_above, Tensor states, Tensor input, Tensor? initial, "
    "Tensor weight_ih, Tensor weight_hh, bool wants_input) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor)"
)
PLAIN = (Tensor, torch.nn.Parameter)

elman = torch.ops.bptt.elman.default
elman_backward = torch.ops.bptt.elman_backward.default


def states_of(given: Given) -> tuple[Tensor, Tensor]:
    """Return the states (T, B, H) and the last state (1, B, H), in separate memory.

    Unless a tracer needs to see the operator `elman`, this bypasses the dispatcher, which takes
    longer than a small layer.
    """
    if torch.compiler.is_compiling():
        states = elman(*given)
    elif is_transformed():
        states = composed.composed(*given)
    elif torch.is_grad_enabled() and _records(*given):
        return _Elman.apply(*given)
    else:
        states = _elman(*given)
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
    H, I = weight_ih.shape  # noqa: E741
    states = weight_hh.new_empty((T, B, H))
    computation = choose(B, H, I, states)
    computation.forward(states, Given(input, initial, weight_ih, weight_hh, bias_ih, bias_hh))
    return states


def _fake_elman(input, initial, weight_ih, weight_hh, bias_ih, bias_hh):  # noqa: A002
    T, B = input.shape[:2]
    return weight_hh.new_empty((T, B, weight_hh.shape[0]))


def _elman_backward(
    from_above: Tensor,
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
    slopes = _slopes(from_above, states, input, initial, weight_ih, weight_hh, wants_input)
    return (
        weight_ih.new_empty(0) if slopes.input is None else slopes.input,
        weight_hh.new_empty((0, 0)) if slopes.initial is None else slopes.initial,
        *slopes[2:],
    )


def _slopes(
    from_above: Tensor,
    states: Tensor,
    input: Tensor,  # noqa: A002
    initial: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    wants_input: bool,
) -> Slopes:
    states = states.contiguous()
    H, I = weight_ih.shape  # noqa: E741
    by_input = input.new_empty(input.shape) if wants_input else None
    by_initial = None if initial is None else states.new_empty(initial.shape)
    slopes = Slopes(
        by_input,
        by_initial,
        weight_ih.new_empty((H, I)),
        weight_hh.new_empty((H, H)),
        weight_hh.new_empty(H),
    )
    signals = torch.empty_like(states)
    computation = choose(states.shape[1], H, I, states)
    given = Given(input, initial, weight_ih, weight_hh)
    computation.backward(slopes, signals, from_above, states, given)
    return slopes


def _fake_elman_backward(from_above, states, input, initial, weight_ih, weight_hh, wants_input):  # noqa: A002
    by_input = input.new_empty(input.shape) if wants_input else weight_ih.new_empty(0)
    return (
        by_input,
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
        by_output, by_last = grad_outputs
        if by_output is None and by_last is None:
            return (None,) * 6
        states, input, initial, weight_ih, weight_hh = ctx.saved_tensors  # noqa: A001
        # With create_graph the result needs a graph; batched gradients have no address to pass.
        batched = is_transformed() or _is_batched(by_output) or _is_batched(by_last)
        if batched or torch.is_grad_enabled():
            if ctx.versions != _versions(*ctx.weights[2:]):
                raise RuntimeError("a bias has been modified by an inplace operation")
            given = Given(input, initial, *ctx.weights)
            return tuple(composed.gradients(given, ctx.needs_input_grad, by_output, by_last))
        wants_input, wants_initial, _, _, wants_ih, wants_hh = ctx.needs_input_grad
        from_above = by_output
        if by_last is not None:
            from_above = torch.zeros_like(states) if by_output is None else _copy(by_output)
            from_above[-1:] += by_last
        reverse: Callable = _slopes if _is_plain(from_above) else elman_backward
        by_input, by_initial, by_ih, by_hh, by_bias = reverse(
            from_above, states, input, initial, weight_ih, weight_hh, wants_input
        )
        return (
            by_input if wants_input else None,
            by_initial if wants_initial else None,
            by_ih,
            by_hh,
            by_bias if wants_ih else None,
            by_bias.clone() if wants_hh else None,  # two gradients must not share memory
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
