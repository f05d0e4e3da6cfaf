"""The network: what it predicts, how wrong it is, and the gradient of that, all by hand.

V symbols, H hidden units, T characters in a window. x and y are the indices of a step's input and
target; states and biases are columns.

Source: Elman (1990), Finding Structure in Time; Werbos (1990), Backpropagation Through Time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from .checks import check_finite, check_kind, check_tensors, check_window


@dataclass(frozen=True, slots=True)
class Parameters:
    """The five tensors of the network, or five of the same shapes that belong to them.

    Raises ValueError for shapes, dtypes or devices that don't belong together, TypeError for what
    is no tensor.
    """

    Whx: Float[Tensor, "H V"]
    Wha: Float[Tensor, "H H"]
    Wya: Float[Tensor, "V H"]
    bh: Float[Tensor, "H 1"]
    by: Float[Tensor, "V 1"]

    def __post_init__(self) -> None:
        check_tensors(**{field.name: getattr(self, field.name) for field in fields(self)})
        H, V = self.Whx.shape
        for field, expected in zip(
            fields(self), ((H, V), (H, H), (V, H), (H, 1), (V, 1)), strict=True
        ):
            value = getattr(self, field.name)
            if value.shape != expected:
                raise ValueError(
                    f"{field.name} must be of shape {expected}, as Whx is {(H, V)}, "
                    f"got {tuple(value.shape)}"
                )
            check_kind(field.name, value, self.Whx)

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.Whx, self.Wha, self.Wya, self.bh, self.by))

    def copy(self) -> "Parameters":
        return Parameters(*(value.detach().clone() for value in self))

    def zeros_like(self) -> "Parameters":
        return Parameters(*(torch.zeros_like(value) for value in self))


Gradients = Parameters


@dataclass(frozen=True, slots=True)
class Trace:
    """What a window's forward pass leaves behind for its backward pass.

    `states[t]` is what step t began with and `states[t + 1]` what it made; `losses` are in nats.
    """

    inputs: Int[Tensor, " T"]
    targets: Int[Tensor, " T"]
    states: Float[Tensor, "T+1 H 1"]
    probabilities: Float[Tensor, "T V 1"]
    losses: Float[Tensor, " T"]

    @property
    def loss(self) -> Float[Tensor, ""]:
        """The window's sum, in nats."""
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
    tensors, FloatingPointError for weights that are no finite numbers and where the logits leave
    the numbers.
    """
    H, V = parameters.Whx.shape
    T = len(inputs)
    check_finite(**{field.name: getattr(parameters, field.name) for field in fields(parameters)})
    check_window(inputs, targets, initial_state, parameters.Whx)
    states = initial_state.new_empty((T + 1, H, 1))
    probabilities = initial_state.new_empty((T, V, 1))
    losses = initial_state.new_empty(T)

    states[0] = initial_state
    for t, (x, y) in enumerate(zip(inputs.tolist(), targets.tolist(), strict=True)):
        states[t + 1], z = forward_step(parameters, parameters.Whx[:, x : x + 1], states[t])
        probabilities[t] = torch.softmax(z, dim=0)
        losses[t] = -torch.log_softmax(z, dim=0)[y, 0]
    if torch.isnan(losses).any():
        raise FloatingPointError("the logits must be finite numbers; they overflowed")
    return Trace(inputs, targets, states, probabilities, losses)


@torch.no_grad()
def backward_step(
    parameters: Parameters,
    gradients: Gradients,
    trace: Trace,
    t: int,
    da_next: Float[Tensor, "H 1"],
) -> Float[Tensor, "H 1"]:
    """Add step t's contributions to the gradients and pass the signal on.

    Takes what step t + 1 says of this step's state and returns what this step says of the state
    before it.
    """
    _, Wha, Wya, _, _ = parameters
    dWhx, dWha, dWya, dbh, dby = gradients
    x, y = int(trace.inputs[t]), int(trace.targets[t])
    state, a, p = trace.states[t], trace.states[t + 1], trace.probabilities[t]

    dz = p.clone()
    dz[y] -= 1.0  # reverse of: loss = -log softmax(z)[y]
    dWya += dz @ a.T  # reverse of: z = Wya @ a + by
    dby += dz
    da = Wya.T @ dz + da_next
    dh = (1.0 - a**2) * da  # reverse of: a = tanh(h)
    dWhx_x = dWhx[:, x : x + 1]
    dWhx_x += dh  # reverse of: h = Wha @ state + Whx[:, x] + bh
    dWha += dh @ state.T
    dbh += dh
    return Wha.T @ dh


@torch.no_grad()
def clip_sums(gradients: Gradients, symbols: Sequence[int], clip: float) -> None:
    """Bound each entry of the running sums to ±clip, after a step that read these symbols.

    Only their columns of dWhx have changed.
    """
    dWhx, dWha, dWya, dbh, dby = gradients
    dWhx_xs = [dWhx[:, x : x + 1] for x in symbols]
    for gradient in (*dWhx_xs, dWha, dWya, dbh, dby):
        torch.clamp(gradient, -clip, clip, out=gradient)


@torch.no_grad()
def backward_windows(
    parameters: Parameters,
    gradients: Gradients,
    traces: Sequence[Trace],
    signals: Sequence[Float[Tensor, "H 1"]],
    clip: float | None,
) -> Sequence[Float[Tensor, "H 1"]]:
    """Add the lanes' contributions to the gradients, from the last step to the first.

    The clip acts once a step, on the sums over all lanes; the signals go unclipped. They are what
    comes after each lane's window says of its final state; what the windows say of their initial
    states is returned.
    """
    for t in reversed(range(len(traces[0].inputs))):
        signals = [
            backward_step(parameters, gradients, trace, t, da_next)
            for trace, da_next in zip(traces, signals, strict=True)
        ]
        if clip is not None:
            clip_sums(gradients, [int(trace.inputs[t]) for trace in traces], clip)
    return signals


@torch.no_grad()
def backward_window(
    parameters: Parameters,
    gradients: Gradients,
    trace: Trace,
    da_next: Float[Tensor, "H 1"],
    clip: float | None,
) -> Float[Tensor, "H 1"]:
    """Add the contributions of one lane's window; return what it says of its initial state."""
    (da_first,) = backward_windows(parameters, gradients, [trace], [da_next], clip)
    return da_first


@torch.no_grad()
def backward(parameters: Parameters, trace: Trace, clip: float | None = 5.0) -> Gradients:
    """Back-propagate through a window on which nothing follows.

    With `clip` the result is the running clip's fold of the contributions, which is *not* the
    gradient of the loss wherever the clip acts; with None it is.

    Raises ValueError for a clip that is negative or not a number.
    """
    return backward_lanes(parameters, [trace], clip)


@torch.no_grad()
def backward_lanes(
    parameters: Parameters, traces: Sequence[Trace], clip: float | None = 5.0
) -> Gradients:
    """Back-propagate through several windows side by side, of one length each.

    With `clip` the fold is of each step's contributions, summed over the lanes.

    Raises ValueError for no lane, windows of different lengths, and as `backward`.
    """
    if clip is not None and not clip >= 0.0:
        raise ValueError(f"clip must be None or a number of at least 0, got {clip}")
    lengths = [len(trace.inputs) for trace in traces]
    if len(set(lengths)) != 1:
        raise ValueError(f"lanes must be one or more windows of one length, got lengths {lengths}")
    gradients = parameters.zeros_like()
    nothing = torch.zeros_like(parameters.bh)
    backward_windows(parameters, gradients, traces, [nothing] * len(traces), clip)
    return gradients
