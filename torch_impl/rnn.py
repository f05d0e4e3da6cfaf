"""The network: forward pass, loss, and the loss's gradient by back-propagation through time.

V symbols, H hidden units, T characters in a window. x and y are the indices of a step's input and
target; states and biases are columns.

Source: Elman (1990), Finding Structure in Time; Werbos (1990), Backpropagation Through Time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checks import check_clip, check_parameters, check_window
from .loss import softmax_cross_entropy


@dataclass(frozen=True, slots=True)
class Parameters:
    """The five tensors of the network, or five of the same shapes that belong to them.

    Raises ValueError for shapes that don't belong together, TypeError for what is no tensor.
    Raises ValueError also for different dtypes or devices.
    """

    Whx: Float[Tensor, "H V"]
    Wha: Float[Tensor, "H H"]
    Wya: Float[Tensor, "V H"]
    bh: Float[Tensor, "H 1"]
    by: Float[Tensor, "V 1"]

    def __post_init__(self) -> None:
        check_parameters(*self)

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.Whx, self.Wha, self.Wya, self.bh, self.by))

    @torch.no_grad()
    def copy(self) -> "Parameters":
        return Parameters(*(value.clone() for value in self))

    def zeros_like(self) -> "Parameters":
        return Parameters(*(torch.zeros_like(value) for value in self))


Gradients = Parameters


@dataclass(frozen=True, slots=True)
class Trace:
    """The values of a window's forward pass that its backward pass needs.

    `states[t]` is the hidden state before step t and `states[t + 1]` the one after it; `losses` are
    in nats.
    """

    inputs: Int[Tensor, " T"]
    targets: Int[Tensor, " T"]
    states: Float[Tensor, "T+1 H 1"]
    probabilities: Float[Tensor, "T V 1"]
    losses: Float[Tensor, " T"]

    @property
    def loss(self) -> Float[Tensor, ""]:
        """The sum over the window, in nats."""
        return torch.sum(self.losses)

    @property
    def final_state(self) -> Float[Tensor, "H 1"]:
        return self.states[-1]


def initialize_parameters(
    *,
    vocab_size: int,
    hidden_size: int,
    seed: int = 1,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Parameters:
    """Draw standard normals × 0.01 for Whx, Wha, Wya in this order; biases are zero.

    The draws are the reference's, rounded to the dtype.
    """
    draw = np.random.RandomState(seed).standard_normal
    drawn = (
        draw((hidden_size, vocab_size)) * 0.01,
        draw((hidden_size, hidden_size)) * 0.01,
        draw((vocab_size, hidden_size)) * 0.01,
        np.zeros((hidden_size, 1)),
        np.zeros((vocab_size, 1)),
    )
    return Parameters(*(torch.from_numpy(value).to(device, dtype) for value in drawn))


@torch.no_grad()
def forward_step(
    parameters: Parameters,
    from_input: Float[Tensor, "H 1"],
    state: Float[Tensor, "H 1"],
) -> tuple[Float[Tensor, "H 1"], Float[Tensor, "V 1"]]:
    """Return the next hidden state and the logits of the next symbol.

    `from_input` is Whx times the input vector: for a one-hot input, a column of Whx.
    """
    _, Wha, Wya, bh, by = parameters
    h = Wha @ state + from_input + bh
    a = torch.tanh(h)
    z = Wya @ a + by
    return a, z


@torch.no_grad()
def forward(
    parameters: Parameters,
    inputs: Int[Tensor, " T"],
    targets: Int[Tensor, " T"],
    initial_state: Float[Tensor, "H 1"],
) -> Trace:
    """Run a window.

    Raises ValueError for a window that doesn't fit the parameters, TypeError for one that isn't in
    tensors, FloatingPointError where the logits leave the numbers.
    Raises FloatingPointError also for weights that are no finite numbers.
    """
    H, V = parameters.Whx.shape
    T = len(inputs)
    check_window(inputs, targets, initial_state, *parameters)
    states = initial_state.new_empty((T + 1, H, 1))
    probabilities = initial_state.new_empty((T, V, 1))
    losses = initial_state.new_empty(T)

    states[0] = initial_state
    for t, (x, y) in enumerate(zip(inputs.tolist(), targets.tolist(), strict=True)):
        states[t + 1], z = forward_step(parameters, parameters.Whx[:, x : x + 1], states[t])
        probabilities[t], losses[t] = softmax_cross_entropy(z, y)
    return Trace(inputs, targets, states, probabilities, losses)


@torch.no_grad()
def backward(parameters: Parameters, trace: Trace, clip: float | None = 5.0) -> Gradients:
    """Back-propagate through a window on which nothing follows.

    With `clip` the result is the running clip's fold of the contributions, which is *not* the
    gradient of the loss wherever the clip acts; with None it is.

    Raises ValueError for a clip that is negative or not a number.
    """
    check_clip(clip)
    gradients = parameters.zeros_like()
    backward_window(parameters, gradients, trace, torch.zeros_like(parameters.bh), clip)
    return gradients


@torch.no_grad()
def backward_window(
    parameters: Parameters,
    gradients: Gradients,
    trace: Trace,
    da_next: Float[Tensor, "H 1"],
    clip: float | None,
) -> Float[Tensor, "H 1"]:
    """Add a window's contributions to the gradients, from its last step to its first.

    `da_next` is the gradient that later windows have with respect to this one's final state.
    Returns the gradient with respect to the initial state. Neither is clipped.
    """
    _, Wha, Wya, _, _ = parameters
    dWhx, dWha, dWya, dbh, dby = gradients
    for t in reversed(range(len(trace.inputs))):
        x, y = int(trace.inputs[t]), int(trace.targets[t])
        state, a, p = trace.states[t], trace.states[t + 1], trace.probabilities[t]

        # reverse of: p = softmax(z), loss = -log p[y]
        dz = p.clone()
        dz[y] -= 1.0
        # reverse of: z = Wya @ a + by
        dWya += dz.mm(a.T)
        dby += dz
        da = Wya.T @ dz + da_next
        # reverse of: a = tanh(h)
        dh = (1.0 - a**2) * da
        # reverse of: h = Wha @ state + Whx[:, x] + bh
        dWhx_x = dWhx[:, x : x + 1]
        dWhx_x += dh
        dWha += dh.mm(state.T)
        dbh += dh
        da_next = Wha.T @ dh
        # The clip acts inside the sum, after each step; of dWhx only one column has changed.
        if clip is not None:
            for gradient in (dWhx_x, dWha, dWya, dbh, dby):
                torch.clip(gradient, -clip, clip, out=gradient)
    return da_next
