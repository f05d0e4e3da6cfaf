"""The layer as a registered operator with a hand-written backward.

T steps, B lanes (the batch), I inputs, H hidden units.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from .choice import choose
from .computation import Given, Slopes

# Defined at the dispatcher, with an autograd kernel of its own: torch.library.custom_op and
# register_autograd do the same, but cost 0.1 ms a pass, half of a small layer's time.
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


def states_of(*arguments: Tensor | None) -> Tensor:
    """Call the operator `elman`; without the dispatcher, which takes longer than a small layer."""
    if torch.compiler.is_compiling() or _is_watched():
        return elman(*arguments)
    plain = _is_plain(arguments[0]) and _is_plain(arguments[3])
    return _Elman.apply(*arguments) if plain else elman(*arguments)


def _elman(
    input: Tensor,  # noqa: A002
    initial: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None,
    bias_hh: Tensor | None,
) -> Tensor:
    """Return the states (T, B, H) after each step.

    `input` is (T, B, I), or (T, B) of whole numbers that pick columns of weight_ih (H, I);
    `initial` is (B, H), or None for zeros; weight_hh is (H, H), the biases are (H,), or both None.
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
    """Return the gradients by input, initial (both may be empty), both weights and either bias."""
    states = states.contiguous()
    by_input = input.new_empty(input.shape) if wants_input else None
    by_initial = None if initial is None else states.new_empty(initial.shape)
    slopes = Slopes(
        by_input,
        by_initial,
        weight_ih.new_empty(weight_ih.shape),
        weight_hh.new_empty(weight_hh.shape),
        weight_hh.new_empty(len(weight_hh)),
    )
    signals = torch.empty_like(states)
    H, I = weight_ih.shape  # noqa: E741
    computation = choose(states.shape[1], H, I, states)
    given = Given(input, initial, weight_ih, weight_hh)
    computation.backward(slopes, signals, from_above, states, given)
    return (
        weight_ih.new_empty(0) if by_input is None else by_input,
        weight_hh.new_empty((0, 0)) if by_initial is None else by_initial,
        *slopes[2:],
    )


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
    """The operator's autograd kernel: the hand-written backward, itself an operator."""

    @staticmethod
    def forward(ctx, input, initial, weight_ih, weight_hh, bias_ih, bias_hh):  # noqa: A002
        arguments = input, initial, weight_ih, weight_hh, bias_ih, bias_hh
        if _is_plain(weight_hh):
            states = _elman(*arguments)
        else:
            with torch._C._AutoDispatchBelowAutograd():
                states = elman(*arguments)
        ctx.save_for_backward(states, input, initial, weight_ih, weight_hh)
        return states

    @staticmethod
    def backward(ctx, *grad_outputs):
        if torch.is_grad_enabled():  # under create_graph, and the result would miss its graph
            raise NotImplementedError("ElmanRNN has no gradients of gradients; use nn.RNN")
        wants_input, wants_initial, _, _, wants_ih, wants_hh = ctx.needs_input_grad
        from_above: Tensor = grad_outputs[0]
        reverse: Callable = _elman_backward if _is_plain(from_above) else elman_backward
        by_input, by_initial, by_ih, by_hh, by_bias = reverse(
            from_above, *ctx.saved_tensors, wants_input
        )
        return (
            by_input if wants_input else None,
            by_initial if wants_initial else None,
            by_ih,
            by_hh,
            by_bias if wants_ih else None,
            by_bias.clone() if wants_hh else None,  # two gradients never share their memory
        )


def _is_plain(tensor: Tensor | None) -> bool:
    """Whether it is no wrapper, and no mode wraps, so that the dispatcher can be passed by."""
    return type(tensor) in PLAIN and torch._C._len_torch_dispatch_stack() == 0


def _is_watched() -> bool:
    """Whether a tracer or torch.func must see the operator by its name."""
    return torch._C._get_tracing_state() is not None or torch._C._are_functorch_transforms_active()


def _apply(*arguments: Tensor | None) -> Tensor:
    return _Elman.apply(*arguments)


_library.impl("elman", _elman, "CompositeExplicitAutograd")
_library.impl("elman", _apply, "Autograd")
_library.impl("elman_backward", _elman_backward, "CompositeExplicitAutograd")
torch.library.register_fake("bptt::elman", _fake_elman, lib=_library)
torch.library.register_fake("bptt::elman_backward", _fake_elman_backward, lib=_library)
