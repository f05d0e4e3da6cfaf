"""The layer composed of torch's operations, which torch can differentiate any number of times.

T steps, B lanes (the sequences of the batch), I inputs, H hidden units.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn.functional import embedding, linear

from .computation import LayerInputs, LayerOptions


def composed(layer_inputs: LayerInputs, options: LayerOptions) -> tuple[Tensor, Tensor]:
    """Return the states (T, B, H) and the last state (1, B, H).

    Works inside torch.func transforms and forward-mode AD.
    """
    input, initial, weight_ih, weight_hh, bias_ih, bias_hh = layer_inputs  # noqa: A001
    sizes, activation = options.batch_sizes, torch.relu if options.relu else torch.tanh
    if input.is_floating_point():
        rows = linear(input, weight_ih, bias_ih)
    else:
        rows = embedding(input, weight_ih.t())
        rows = rows if bias_ih is None else rows + bias_ih
    steps = rows.unbind(0) if sizes is None else rows.split(sizes)
    state = torch.zeros_like(steps[0]) if initial is None else initial
    states = []
    for step in reversed(steps) if options.reverse else steps:
        active = len(step)
        new = activation(step + linear(state[:active], weight_hh, bias_hh))
        state = new if active == len(state) else torch.cat([new, state[active:]])
        states.append(new)
    if options.reverse:
        states.reverse()
    return (torch.stack if sizes is None else torch.cat)(states), state.unsqueeze(0)


def gradients(
    layer_inputs: LayerInputs,
    options: LayerOptions,
    wanted: Sequence[bool],
    grad_outputs: Sequence[Tensor | None],
) -> list[Tensor | None]:
    """Return the gradients with respect to the wanted tensors, None for the others.

    `wanted` has a flag for each field of `layer_inputs`. `grad_outputs` are the loss gradients with
    respect to what `composed` returns. If gradients are being recorded, the result can be
    differentiated again.
    """
    create_graph = torch.is_grad_enabled()
    with torch.enable_grad():
        # Views, so that no gradient flows from one argument to another it was computed from.
        views = LayerInputs(
            *(None if value is None else value.view_as(value) for value in layer_inputs)  # pyright: ignore[reportArgumentType]
        )
        outputs = zip(composed(views, options), grad_outputs, strict=True)
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
