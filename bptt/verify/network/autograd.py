"""The gradient of a window by PyTorch's autograd.

V symbols, H hidden units, T characters in a window, B lanes (parallel streams). Everything is
computed in the dtype of the parameters. The forward formulas are written out again, so that no code
of the hand-written passes is used.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from torch_impl import Gradients, Parameters
from torch_impl.convert import to_modules


def window_loss(
    parameters_of_step: Sequence[Sequence[Tensor]],
    inputs: Int[Tensor, " T"],
    targets: Int[Tensor, " T"],
    initial_state: Float[Tensor, "H 1"],
) -> tuple[Float[Tensor, ""], Float[Tensor, "H 1"]]:
    """Return the window's loss in nats and its final state, as nodes of a graph.

    Each time step has its own five parameters; pass the same ones T times for plain BPTT.
    """
    state, losses = initial_state, []
    for (Whx, Wha, Wya, bh, by), x, y in zip(
        parameters_of_step, inputs.tolist(), targets.tolist(), strict=True
    ):
        one_hot = functional.one_hot(torch.tensor(x), Whx.shape[1]).to(Whx)[:, None]
        state = torch.tanh(Wha @ state + Whx @ one_hot + bh)
        logits = Wya @ state + by
        losses.append(functional.cross_entropy(logits.T, torch.tensor([y], device=Whx.device)))
    return torch.stack(losses).sum(), state


def plain_gradient(
    parameters: Parameters,
    inputs: Int[Tensor, " T"],
    targets: Int[Tensor, " T"],
    initial_state: Float[Tensor, "H 1"],
    final_cotangent: Float[Tensor, "H 1"] | None = None,
) -> tuple[Gradients, Float[Tensor, "H 1"]]:
    """Return the gradients with respect to the parameters and to the initial state.

    `final_cotangent` is the gradient of a later loss with respect to the window's final state.
    """
    leaves = [value.detach().clone().requires_grad_() for value in parameters]
    start = initial_state.detach().clone().requires_grad_()
    loss, state = window_loss([leaves] * len(inputs), inputs, targets, start)
    if final_cotangent is not None:
        loss = loss + torch.sum(final_cotangent * state)
    *slopes, from_start = torch.autograd.grad(loss, [*leaves, start])
    return Gradients(*slopes), from_start


def contributions(
    parameters: Parameters,
    inputs: Int[Tensor, " T"],
    targets: Int[Tensor, " T"],
    initial_state: Float[Tensor, "H 1"],
) -> list[Gradients]:
    """Return the contribution of each time step to the gradient, from the first step to the last.

    It is the gradient with respect to that step's own copy of the parameters.
    """
    copies = [[value.detach().clone().requires_grad_() for value in parameters] for _ in inputs]
    loss, _ = window_loss(copies, inputs, targets, initial_state.detach())
    slopes = torch.autograd.grad(loss, [leaf for copy in copies for leaf in copy])
    size = len(copies[0])
    return [Gradients(*slopes[t * size : (t + 1) * size]) for t in range(len(copies))]


def fold(per_step: Sequence[Gradients], clip: float | None) -> Gradients:
    """Add the per-step contributions from the last to the first, clipping the sum after each."""
    sums = [torch.zeros_like(value) for value in per_step[0]]
    for contribution in reversed(per_step):
        for total, value in zip(sums, contribution, strict=True):
            total += value
            if clip is not None:
                total.clamp_(-clip, clip)
    return Gradients(*sums)


def clipped_gradient(
    parameters: Parameters,
    inputs: Int[Tensor, " T"],
    targets: Int[Tensor, " T"],
    initial_state: Float[Tensor, "H 1"],
    clip: float | None,
) -> Gradients:
    """Return autograd's per-step contributions, folded with the running clip."""
    return fold(contributions(parameters, inputs, targets, initial_state), clip)


def clipped_lanes_gradient(
    parameters: Parameters,
    windows: Sequence[tuple[Tensor, Tensor, Tensor]],
    clip: float | None,
) -> Gradients:
    """Return the clipped gradient of several lanes; each step's sum over the lanes comes first.

    `windows` has the inputs, targets and initial state of each lane.
    """
    lanes = [contributions(parameters, *window) for window in windows]
    return fold([_summed(per_step) for per_step in zip(*lanes, strict=True)], clip)


def _summed(per_step: Sequence[Gradients]) -> Gradients:
    return Gradients(*(torch.stack(values).sum(0) for values in zip(*per_step, strict=True)))


def module_gradient(
    parameters: Parameters,
    inputs: Int[Tensor, " T"],
    targets: Int[Tensor, " T"],
    initial_state: Float[Tensor, "H 1"],
    clip: float | None = None,
) -> Gradients:
    """Return the plain gradient by autograd through nn.RNN, nn.Linear and cross-entropy.

    Raises ValueError for a clip, which no layer can apply inside its sums.
    """
    if clip is not None:
        raise ValueError(f"nn.RNN can't apply a running clip, got {clip}")
    V = parameters.by.shape[0]
    rnn, linear = to_modules(parameters)
    states, _ = rnn(functional.one_hot(inputs.long(), V).to(parameters.by), initial_state.T)
    loss = functional.cross_entropy(linear(states), targets.long(), reduction="sum")
    weights = [rnn.weight_ih_l0, rnn.weight_hh_l0, linear.weight, rnn.bias_hh_l0, linear.bias]
    dWhx, dWha, dWya, dbh, dby = torch.autograd.grad(loss, weights)
    return Gradients(dWhx, dWha, dWya, dbh[:, None], dby[:, None])
