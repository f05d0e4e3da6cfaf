"""What PyTorch's autograd says of the same window.

V symbols, H hidden units, T characters in a window, B lanes. Everything is computed in the dtype of
the parameters. The formulas are written once more, from the logits up, so that nothing of the
hand-written passes is used.
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

    Each time step has its own five parameters: give the same ones T times for plain BPTT.
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
    """Return the gradient of the window's loss, and its slope in the initial state.

    With `final_cotangent`, what follows the window is taken to say that of its final state.
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
    """Return what each time step adds to the gradient, from the first step to the last.

    Every step gets its own copy of each parameter; the slope in a copy is that step's share.
    """
    copies = [[value.detach().clone().requires_grad_() for value in parameters] for _ in inputs]
    loss, _ = window_loss(copies, inputs, targets, initial_state.detach())
    slopes = torch.autograd.grad(loss, [leaf for copy in copies for leaf in copy])
    size = len(copies[0])
    return [Gradients(*slopes[t * size : (t + 1) * size]) for t in range(len(copies))]


def fold(shares: Sequence[Gradients], clip: float | None) -> Gradients:
    """Add the steps' shares from the last to the first, clipping the sum after each."""
    sums = [torch.zeros_like(value) for value in shares[0]]
    for share in reversed(shares):
        for total, value in zip(sums, share, strict=True):
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
    """Return what the running clip makes of autograd's shares: the reference where it acts."""
    return fold(contributions(parameters, inputs, targets, initial_state), clip)


def clipped_lanes_gradient(
    parameters: Parameters,
    windows: Sequence[tuple[Tensor, Tensor, Tensor]],
    clip: float | None,
) -> Gradients:
    """Return the same for windows side by side: a step's shares are summed over the lanes first.

    `windows` has inputs, targets and initial state of each lane.
    """
    lanes = [contributions(parameters, *window) for window in windows]
    return fold([_summed(shares) for shares in zip(*lanes, strict=True)], clip)


def _summed(shares: Sequence[Gradients]) -> Gradients:
    return Gradients(*(torch.stack(values).sum(0) for values in zip(*shares, strict=True)))


def module_gradient(
    parameters: Parameters,
    inputs: Int[Tensor, " T"],
    targets: Int[Tensor, " T"],
    initial_state: Float[Tensor, "H 1"],
) -> Gradients:
    """Return the plain gradient as nn.RNN, nn.Linear and cross-entropy have it."""
    V = parameters.by.shape[0]
    rnn, linear = to_modules(parameters)
    states, _ = rnn(functional.one_hot(inputs.long(), V).to(parameters.by), initial_state.T)
    loss = functional.cross_entropy(linear(states), targets.long(), reduction="sum")
    weights = [rnn.weight_ih_l0, rnn.weight_hh_l0, linear.weight, rnn.bias_hh_l0, linear.bias]
    dWhx, dWha, dWya, dbh, dby = torch.autograd.grad(loss, weights)
    return Gradients(dWhx, dWha, dWya, dbh[:, None], dby[:, None])
