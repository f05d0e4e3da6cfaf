"""The trainings that the chapter speaks of, with the right gradient and with wrong ones.

They are computed by the compiled engine, whose bits are the same on every processor. In the
reference the order of BLAS's sums is the processor's, and after some hundred windows two orders
give other digits, as the chapter says: its numbers would be other ones elsewhere.
"""

from collections.abc import Callable, Iterator
from functools import cache
from pydoc_data.topics import topics
from typing import NamedTuple

import numpy as np
import torch

import reference
from reference import Gradients, Parameters, Trace, Vocabulary
from torch_impl.fast.network import Network

TEXT = "".join(topics[name] for name in sorted(topics))[:60_000]
VOCABULARY = Vocabulary.from_text(TEXT)
H, T, V = 40, 35, len(VOCABULARY)
WINDOWS = 1000
CLIP = 5.0


class Window(NamedTuple):
    """The result for a window: `loss` in nats, and T + 1 states in rows."""

    loss: float
    gradients: Gradients
    states: np.ndarray


Gradient = Callable[[Parameters, np.ndarray, np.ndarray, np.ndarray], Window]


def windows(count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield inputs and targets, window after window."""
    indices = VOCABULARY.encode(TEXT[: count * T + 1])
    for start in range(0, count * T, T):
        yield indices[start : start + T], indices[start + 1 : start + T + 1]


def trained_by(
    gradient: Gradient, parameters: Parameters | None = None, count: int = WINDOWS
) -> tuple[Parameters, np.ndarray, np.ndarray]:
    """Train on the first windows; return the weights, the last state and the losses in nats."""
    own = (parameters or reference.initialize_parameters(vocab_size=V, hidden_size=H)).copy()
    sums, state, losses = own.zeros_like(), np.zeros((H, 1)), []
    for inputs, targets in windows(count):
        window = gradient(own, inputs, targets, state)
        reference.update(own, window.gradients, sums, 0.05)
        state = window.states[-1][:, None]
        losses.append(window.loss)
    return own, state, np.array(losses)


@cache
def _network(seq_length: int, lanes: int) -> Network:
    start = reference.initialize_parameters(vocab_size=V, hidden_size=H)
    return Network(
        start, vocab_size=V, hidden_size=H, seq_length=seq_length, lanes=lanes, dtype=torch.float64
    )


def differentiate(
    parameters: Parameters,
    inputs: np.ndarray,
    targets: np.ndarray,
    state: np.ndarray,
    clip: float = CLIP,
) -> Window:
    """Differentiate a window of (T, B) characters from states (H, B)."""
    network = _network(*inputs.shape)
    network.weights.fill(parameters, "parameters")
    loss = network.differentiate(inputs, targets, state, clip)
    made = network.gradients
    arrays = (made.Whx, made.Wha, made.Wya, made.bh, made.by)
    a_step = len(network.work.carried)  # rows
    states = network.work.states[::a_step, :H][: len(inputs) + 1]
    return Window(loss, Gradients(*(value.numpy().copy() for value in arrays)), states.copy())


def right(parameters: Parameters, inputs, targets, state) -> Window:
    return differentiate(parameters, inputs[:, None], targets[:, None], state)


def plain(parameters: Parameters, inputs, targets, state) -> Window:
    return differentiate(parameters, inputs[:, None], targets[:, None], state, np.inf)


def without_time(parameters: Parameters, inputs, targets, state) -> Window:
    """Treat each step as a window of its own: nothing goes back through time."""
    made = right(parameters, inputs, targets, state)
    alone = differentiate(parameters, inputs[None], targets[None], made.states[:-1].T)
    return made._replace(gradients=alone.gradients)


def ten_times(parameters: Parameters, inputs, targets, state) -> Window:
    made = right(parameters, inputs, targets, state)
    made.gradients.Wha[:] *= 10.0
    return made


def without_recurrent(parameters: Parameters, inputs, targets, state) -> Window:
    made = right(parameters, inputs, targets, state)
    made.gradients.Wha[:] = 0.0
    return made


@cache
def trained() -> tuple[Parameters, np.ndarray, np.ndarray]:
    return trained_by(right)


@cache
def one_window() -> tuple[Parameters, Trace]:
    """Return the trained network and the window after its training."""
    parameters, state, _ = trained()
    inputs, targets = list(windows(WINDOWS + 1))[-1]
    return parameters, reference.forward(parameters, inputs, targets, state)
