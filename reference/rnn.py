"""The network: what it predicts, how wrong it is, and the gradient of that, all by hand.

V symbols, H hidden units, T characters in a window. x and y are the indices of a step's input and
target; states and biases are columns.

Source: Elman (1990), Finding Structure in Time; Werbos (1990), Backpropagation Through Time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, Int

from .checks import check_arrays, check_window


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
        check_arrays(**{field.name: getattr(self, field.name) for field in fields(self)})
        H, V = self.Whx.shape
        for field, expected in zip(
            fields(self), ((H, V), (H, H), (V, H), (H, 1), (V, 1)), strict=True
        ):
            shape = getattr(self, field.name).shape
            if shape != expected:
                raise ValueError(
                    f"{field.name} must be of shape {expected}, as Whx is {(H, V)}, got {shape}"
                )

    def __iter__(self) -> Iterator[np.ndarray]:
        return iter((self.Whx, self.Wha, self.Wya, self.bh, self.by))

    def copy(self) -> "Parameters":
        return Parameters(*(value.copy() for value in self))

    def zeros_like(self) -> "Parameters":
        return Parameters(*(np.zeros_like(value) for value in self))


Gradients = Parameters


@dataclass(frozen=True, slots=True)
class Trace:
    """What a window's forward pass leaves behind for its backward pass.

    `states[t]` is what step t began with and `states[t + 1]` what it made; `losses` are in nats.
    """

    inputs: Int[np.ndarray, " T"]
    targets: Int[np.ndarray, " T"]
    states: Float[np.ndarray, "T+1 H 1"]
    probabilities: Float[np.ndarray, "T V 1"]
    losses: Float[np.ndarray, " T"]

    @property
    def loss(self) -> np.float64:
        """The window's sum, in nats."""
        return np.sum(self.losses)

    @property
    def final_state(self) -> Float[np.ndarray, "H 1"]:
        return self.states[-1]


def initialize_parameters(*, vocab_size: int, hidden_size: int, seed: int = 1) -> Parameters:
    """Draw standard normals × 0.01 for Whx, Wha, Wya in this order; biases are zero."""
    draw = np.random.RandomState(seed).standard_normal
    return Parameters(
        Whx=draw((hidden_size, vocab_size)) * 0.01,
        Wha=draw((hidden_size, hidden_size)) * 0.01,
        Wya=draw((vocab_size, hidden_size)) * 0.01,
        bh=np.zeros((hidden_size, 1)),
        by=np.zeros((vocab_size, 1)),
    )


def softmax(logits: Float[np.ndarray, "V 1"]) -> Float[np.ndarray, "V 1"]:
    """Exponentials over their sum, taken from the first to the last, without a shift.

    Raises FloatingPointError where they overflow, vanish altogether or are not numbers.
    """
    with np.errstate(over="ignore"):
        exponentials = np.exp(logits)
    total = np.add.accumulate(exponentials)[-1]  # np.sum adds pairwise: another rounding
    if not 0.0 < total < np.inf:
        raise FloatingPointError(
            f"softmax needs logits whose exponentials sum to a positive finite number, "
            f"got logits from {logits.min():.6g} to {logits.max():.6g}"
        )
    return exponentials / total


def forward_step(
    parameters: Parameters,
    from_input: Float[np.ndarray, "H 1"],
    state: Float[np.ndarray, "H 1"],
) -> tuple[Float[np.ndarray, "H 1"], Float[np.ndarray, "V 1"]]:
    """Return the next hidden state and the probabilities of the next symbol.

    `from_input` is Whx times the input vector: for a one-hot input, a column of Whx.
    """
    _, Wha, Wya, bh, by = parameters
    h = Wha @ state + from_input + bh
    a = np.tanh(h)
    z = Wya @ a + by
    p = softmax(z)
    return a, p


def forward(
    parameters: Parameters,
    inputs: Int[np.ndarray, " T"],
    targets: Int[np.ndarray, " T"],
    initial_state: Float[np.ndarray, "H 1"],
) -> Trace:
    """Run a window.

    Raises ValueError for a window that doesn't fit the parameters, TypeError for one that isn't in
    arrays, FloatingPointError where the softmax leaves the numbers.
    """
    H, V = parameters.Whx.shape
    T = len(inputs)
    check_window(inputs, targets, initial_state, H, V)
    states = np.empty((T + 1, H, 1))
    probabilities = np.empty((T, V, 1))
    losses = np.empty(T)

    states[0] = initial_state
    for t in range(T):
        x, y = int(inputs[t]), int(targets[t])
        states[t + 1], probabilities[t] = forward_step(
            parameters, parameters.Whx[:, x : x + 1], states[t]
        )
        with np.errstate(divide="ignore"):  # a probability of 0 is a loss of inf, and says so
            losses[t] = -np.log(probabilities[t, y, 0])
    return Trace(inputs, targets, states, probabilities, losses)


def backward_step(
    parameters: Parameters,
    gradients: Gradients,
    trace: Trace,
    t: int,
    da_next: Float[np.ndarray, "H 1"],
) -> Float[np.ndarray, "H 1"]:
    """Add step t's contributions to the gradients and pass the signal on.

    Takes what step t + 1 says of this step's state and returns what this step says of the state
    before it.
    """
    _, Wha, Wya, _, _ = parameters
    dWhx, dWha, dWya, dbh, dby = gradients
    x, y = int(trace.inputs[t]), int(trace.targets[t])
    state, a, p = trace.states[t], trace.states[t + 1], trace.probabilities[t]

    dz = p.copy()
    dz[y] -= 1.0  # reverse of: loss = -log softmax(z)[y]
    dWya += dz.dot(a.T)  # reverse of: z = Wya @ a + by
    dby += dz
    da = Wya.T @ dz + da_next
    dh = (1.0 - a**2) * da  # reverse of: a = tanh(h)
    dWhx_x = dWhx[:, x : x + 1]
    dWhx_x += dh  # reverse of: h = Wha @ state + Whx[:, x] + bh
    dWha += dh.dot(state.T)
    dbh += dh
    return Wha.T @ dh


def clip_sums(gradients: Gradients, symbols: Sequence[int], clip: float) -> None:
    """Bound each entry of the running sums to ±clip, after a step that read these symbols.

    Only their columns of dWhx have changed.
    """
    dWhx, dWha, dWya, dbh, dby = gradients
    dWhx_xs = [dWhx[:, x : x + 1] for x in symbols]
    for gradient in (*dWhx_xs, dWha, dWya, dbh, dby):
        np.clip(gradient, -clip, clip, out=gradient)


def backward_windows(
    parameters: Parameters,
    gradients: Gradients,
    traces: Sequence[Trace],
    signals: Sequence[Float[np.ndarray, "H 1"]],
    clip: float | None,
) -> Sequence[Float[np.ndarray, "H 1"]]:
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


def backward_window(
    parameters: Parameters,
    gradients: Gradients,
    trace: Trace,
    da_next: Float[np.ndarray, "H 1"],
    clip: float | None,
) -> Float[np.ndarray, "H 1"]:
    """Add the contributions of one lane's window; return what it says of its initial state."""
    (da_first,) = backward_windows(parameters, gradients, [trace], [da_next], clip)
    return da_first


def backward(parameters: Parameters, trace: Trace, clip: float | None = 5.0) -> Gradients:
    """Back-propagate through a window on which nothing follows.

    With `clip` the result is the running clip's fold of the contributions, which is *not* the
    gradient of the loss wherever the clip acts; with None it is.

    Raises ValueError for a clip that is negative or not a number.
    """
    return backward_lanes(parameters, [trace], clip)


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
    nothing = np.zeros_like(parameters.bh)
    backward_windows(parameters, gradients, traces, [nothing] * len(traces), clip)
    return gradients
