"""The layer composed of torch's operations, which torch can differentiate any number of times.

T steps, B lanes (the sequences of the batch), I inputs, H hidden units.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import embedding, linear

from .computation import LayerInputs


def composed(
    input: Tensor,  # noqa: A002
    initial: Tensor | None,
    weight_ih: Tensor,
    weight_hh: Tensor,
    bias_ih: Tensor | None,
    bias_hh: Tensor | None,
) -> Tensor:
    """Return the states (T, B, H); works inside torch.func transforms and forward-mode AD."""
    if input.is_floating_point():
        rows = linear(input, weight_ih, bias_ih)
    else:
        rows = embedding(input, weight_ih.t())
        rows = rows if bias_ih is None else rows + bias_ih
    state = torch.zeros_like(rows[0]) if initial is None else initial
    states = []
    for row in rows.unbind(0):
        state = torch.tanh(row + linear(state, weight_hh, bias_hh))
        states.append(state)
    return torch.stack(states)


def gradients(
    layer_inputs: LayerInputs,
    wanted: Sequence[bool],
    grad_output: Tensor | None,
    grad_last: Tensor | None,
) -> list[Tensor | None]:
    """Return the gradients with respect to the wanted tensors, None for the others.

    `wanted` has a flag for each field of `layer_inputs`. `grad_output` (T, B, H) and `grad_last`
    (1, B, H) are the loss gradients with respect to the states and to the last state. If gradients
    are being recorded, the result can be differentiated again.
    """
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        # Views, so that no gradient flows from one argument to another it was computed from.
        input, initial, weight_ih, weight_hh, bias_ih, bias_hh = layer_inputs  # noqa: A001
        views = LayerInputs(
            input.view_as(input),
            None if initial is None else initial.view_as(initial),
            weight_ih.view_as(weight_ih),
            weight_hh.view_as(weight_hh),
            None if bias_ih is None else bias_ih.view_as(bias_ih),
            None if bias_hh is None else bias_hh.view_as(bias_hh),
        )
        states = composed(*views)
        outputs = [(states, grad_output), (states[-1:], grad_last)]
        used = [(value, grad) for value, grad in outputs if grad is not None]
        sought = [view for view, is_wanted in zip(views, wanted, strict=True) if is_wanted]
        found = iter(
            torch.autograd.grad(
                [value for value, _ in used],
                [view for view in sought if view is not None],
                [grad for _, grad in used],
                create_graph=create_graph,
            )
        )
    return [next(found) if is_wanted else None for is_wanted in wanted]
