"""The network: forward pass, loss, and the loss's gradient by back-propagation through time.

V symbols, H hidden units, T characters in a window. x and y are the indices of a step's input and
target; states and biases are columns.

Source: Elman (1990), Finding Structure in Time; Werbos (1990), Backpropagation Through Time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from .checks import check_clip, check_parameters, check_window
from .loss import softmax_cross_entropy


@dataclass(frozen=True, slots=True)
class Parameters:
    """The five arrays of the network, or five of the same shapes that belong to them.

    Raises ValueError for shapes that don't belong together, TypeError for what is no array.
    """

    Whx: Float[np.ndarray, "H V"]
    Wha: Float[np.ndarray, "H H"]
    Wya: Float[np.ndarray, "V H"]
    bh: Float[np.ndarray, "H 1"]
    by: Float[np.ndarray, "V 1"]

    def __post_init__(self) -> None:
        check_parameters(*self)

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.Whx, self.Wha, self.Wya, self.bh, self.by))

    def copy(self) -> "Parameters":
        return Parameters(*(value.copy() for value in self))

    def zeros_like(self) -> "Parameters":
        return Parameters(*(np.zeros_like(value) for value in self))


Gradients = Parameters


@dataclass(frozen=True, slots=True)
class Trace:
    """The values of a window's forward pass that its backward pass needs.

    `states[t]` is the hidden state before step t and `states[t + 1]` the one after it; `losses` are
    in nats.
    """

    inputs: Int[np.ndarray, " T"]
    targets: Int[np.ndarray, " T"]
    states: Float[np.ndarray, "T+1 H 1"]
    probabilities: Float[np.ndarray, "T V 1"]
    losses: Float[np.ndarray, " T"]

    @property
    def loss(self) -> np.float64:
        """The sum over the window, in nats."""
        return np.sum(self.losses)

    @property
    def final_state(self) -> Float[np.ndarray, "H 1"]:
        return self.states[-1]


def initialize_parameters(
    *,
    vocab_size: int,
    hidden_size: int,
    seed: int = 1,
) -> Parameters:
    """Draw standard normals × 0.01 for Whx, Wha, Wya in this order; biases are zero."""
    draw = np.random.RandomState(seed).standard_normal
    drawn = (
        draw((hidden_size, vocab_size)) * 0.01,
        draw((hidden_size, hidden_size)) * 0.01,
        draw((vocab_size, hidden_size)) * 0.01,
        np.zeros((hidden_size, 1)),
        np.zeros((vocab_size, 1)),
    )
    return Parameters(*drawn)


def forward_step(
    parameters: Parameters,
    from_input: Float[np.ndarray, "H 1"],
    state: Float[np.ndarray, "H 1"],
) -> tuple[Float[np.ndarray, "H 1"], Float[np.ndarray, "V 1"]]:
    """Return the next hidden state and the logits of the next symbol.

    `from_input` is Whx times the input vector: for a one-hot input, a column of Whx.
    """
    _, Wha, Wya, bh, by = parameters
    h = Wha @ state + from_input + bh
    a = np.tanh(h)
    z = Wya @ a + by
    return a, z


def forward(
    parameters: Parameters,
    inputs: Int[np.ndarray, " T"],
    targets: Int[np.ndarray, " T"],
    initial_state: Float[np.ndarray, "H 1"],
) -> Trace:
    """Run a window.

    Raises ValueError for a window that doesn't fit the parameters, TypeError for one that isn't in
    arrays, FloatingPointError where the logits leave the numbers.
    """
    H, V = parameters.Whx.shape
    T = len(inputs)
    check_window(inputs, targets, initial_state, *parameters)
    states = np.empty((T + 1, H, 1))
    probabilities = np.empty((T, V, 1))
    losses = np.empty(T)

    states[0] = initial_state
    for t, (x, y) in enumerate(zip(inputs.tolist(), targets.tolist(), strict=True)):
        states[t + 1], z = forward_step(parameters, parameters.Whx[:, x : x + 1], states[t])
        probabilities[t], losses[t] = softmax_cross_entropy(z, y)
    return Trace(inputs, targets, states, probabilities, losses)


def backward(parameters: Parameters, trace: Trace, clip: float | None = 5.0) -> Gradients:
    """Back-propagate through a window on which nothing follows.

    With `clip` the result is the running clip's fold of the contributions, which is *not* the
    gradient of the loss wherever the clip acts; with None it is.

    Raises ValueError for a clip that is negative or not a number.
    """
    check_clip(clip)
    gradients = parameters.zeros_like()
    backward_window(parameters, gradients, trace, np.zeros_like(parameters.bh), clip)
    return gradients


def backward_window(
    parameters: Parameters,
    gradients: Gradients,
    trace: Trace,
    da_next: Float[np.ndarray, "H 1"],
    clip: float | None,
) -> Float[np.ndarray, "H 1"]:
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
        dz = p.copy()
        dz[y] -= 1.0
        # reverse of: z = Wya @ a + by
        dWya += dz.dot(a.T)
        dby += dz
        da = Wya.T @ dz + da_next
        # reverse of: a = tanh(h)
        dh = (1.0 - a**2) * da
        # reverse of: h = Wha @ state + Whx[:, x] + bh
        dWhx_x = dWhx[:, x : x + 1]
        dWhx_x += dh
        dWha += dh.dot(state.T)
        dbh += dh
        da_next = Wha.T @ dh
        # The clip acts inside the sum, after each step; of dWhx only one column has changed.
        if clip is not None:
            for gradient in (dWhx_x, dWha, dWya, dbh, dby):
                np.clip(gradient, -clip, clip, out=gradient)
    return da_next
