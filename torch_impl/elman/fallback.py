"""Both passes in plain torch operations, for any device and float dtype, and without numba.

T steps, B lanes (the sequences of the batch), I inputs, H hidden units.
"""

import torch
from torch import Tensor
from torch.nn.functional import linear

from .computation import LayerGradients, LayerInputs, check_storages, is_dense
from .memory import check_storage


class TorchLayer:
    """The Computation by one torch matrix product for each time step of the recurrence.

    It computes a_t = tanh(p_t + a_{t-1} Wᵀ), overwriting the pre-activations p, and
    dh_t = (1 - a_t²) (da_t + dh_{t+1} W).
    """

    def __repr__(self) -> str:
        return "TorchLayer()"

    def forward(self, states: Tensor, layer_inputs: LayerInputs) -> None:
        T, B, H = states.shape
        check_storages(layer_inputs)
        input, before, weight_ih, weight_hh, bias_ih, bias_hh = layer_inputs  # noqa: A001
        bias = None if bias_ih is None or bias_hh is None else bias_ih + bias_hh
        rows = states.view(T * B, H)
        if not is_dense(input):
            columns = weight_ih.t() if bias is None else weight_ih.t() + bias
            rows.copy_(columns.index_select(0, input.reshape(-1)))
        else:
            rows.copy_(linear(input.reshape(T * B, -1), weight_ih, bias))
        for step in states.unbind(0):
            if before is not None:
                torch.addmm(step, before, weight_hh.t(), out=step)
            before = step.tanh_()

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
        slopes, after = torch.addcmul(states.new_ones(()), states, states, value=-1), None
        for t in range(T - 1, -1, -1):
            grad = grad_preactivations[t]
            if after is None:
                torch.mul(grad_states[t], slopes[t], out=grad)
            else:
                torch.addmm(grad_states[t], after, weight_hh, out=grad).mul_(slopes[t])
            after = grad
        flat = grad_preactivations.view(T * B, H)
        torch.mm(flat[B:].t(), states.view(T * B, H)[:-B], out=gradients.weight_hh)
        if initial is not None:
            gradients.weight_hh.addmm_(grad_preactivations[0].t(), initial)
        if gradients.initial is not None:
            torch.mm(grad_preactivations[0], weight_hh, out=gradients.initial)
        if is_dense(input):
            torch.mm(flat.t(), input.reshape(T * B, -1), out=gradients.weight_ih)
        else:
            columns = weight_ih.new_zeros(weight_ih.shape[::-1])
            gradients.weight_ih.copy_(columns.index_add_(0, input.reshape(-1), flat).t())
        if gradients.input is not None:
            torch.mm(flat, weight_ih, out=gradients.input.view(T * B, -1))
        torch.sum(flat, 0, out=gradients.bias)
