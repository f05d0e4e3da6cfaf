"""Both passes in plain torch operations, for any device and float dtype, and without numba.

T steps, B lanes (the sequences of the batch), I inputs, H hidden units.
"""

import torch
from torch import Tensor
from torch.nn.functional import linear

from .computation import (
    LayerGradients,
    LayerInputs,
    LayerOptions,
    check_storages,
    is_dense,
    steps_of,
)
from .memory import check_storage


class TorchLayer:
    """The Computation by one torch matrix product for each time step of the recurrence.

    It computes a_t = tanh(p_t + a_{t-1} Wᵀ), overwriting the pre-activations p, and
    dh_t = (1 - a_t²) (da_t + dh_{t+1} W).
    """

    def __repr__(self) -> str:
        return "TorchLayer()"

    def forward(
        self, states: Tensor, last: Tensor, layer_inputs: LayerInputs, options: LayerOptions
    ) -> None:
        check_storages(layer_inputs)
        input, initial, weight_ih, weight_hh, bias_ih, bias_hh = layer_inputs  # noqa: A001
        rows, state = states.view(-1, len(weight_hh)), last[0]
        bias = None if bias_ih is None or bias_hh is None else bias_ih + bias_hh
        if not is_dense(input):
            columns = weight_ih.t() if bias is None else weight_ih.t() + bias
            rows.copy_(columns.index_select(0, input.reshape(-1)))
        else:
            rows.copy_(linear(input.reshape(len(rows), -1), weight_ih, bias))
        state.copy_(torch.zeros_like(state) if initial is None else initial)
        for step in steps_of(rows, states, options):
            before = state[: len(step)]
            torch.addmm(step, before, weight_hh.t(), out=step)
            before.copy_(step.relu_() if options.relu else step.tanh_())

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
        check_storages(layer_inputs)
        check_storage("the gradient of the states", grad_states)
        input, initial, weight_ih, weight_hh = layer_inputs[:4]  # noqa: A001
        H = len(weight_hh)
        a, flat = states.view(-1, H), grad_preactivations.view(-1, H)
        slopes = (a > 0).to(a.dtype) if options.relu else 1 - a * a
        before, above = torch.empty_like(a), grad_states.reshape(-1, H)
        of_steps = (steps_of(rows, states, options) for rows in (flat, above, slopes, before, a))
        steps = list(zip(*of_steps, strict=True))
        lanes = max(len(dh) for dh, *_ in steps)
        carried = a.new_zeros(lanes, H) if grad_last is None else grad_last[0].clone()
        state = a.new_zeros(lanes, H) if initial is None else initial.clone()
        for *_, earlier, now in steps:
            earlier.copy_(state[: len(now)])
            state[: len(now)] = now
        for dh, from_above, slope, *_ in reversed(steps):
            active = carried[: len(dh)]
            torch.mul(active + from_above, slope, out=dh)
            torch.mm(dh, weight_hh, out=active)
        if gradients.weight_hh is not None:
            torch.mm(flat.t(), before, out=gradients.weight_hh)
        if gradients.initial is not None:
            gradients.initial.copy_(carried)
        if gradients.weight_ih is not None and is_dense(input):
            torch.mm(flat.t(), input.reshape(len(flat), -1), out=gradients.weight_ih)
        elif gradients.weight_ih is not None:
            columns = weight_ih.new_zeros(weight_ih.shape[::-1])
            gradients.weight_ih.copy_(columns.index_add_(0, input.reshape(-1), flat).t())
        if gradients.input is not None:
            torch.mm(flat, weight_ih, out=gradients.input.view(len(flat), -1))
        if gradients.bias is not None:
            torch.sum(flat, 0, out=gradients.bias)
