"""The exercises of `bptt find-the-bug`: each mistake trained, and measured against autograd.

V symbols, H hidden units, T characters in a window.
"""

import inspect
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch

import reference
import torch_impl
from reference import Gradients, Hyperparameters, Parameters, Trace, Vocabulary
from reference.adagrad import update
from torch_impl import convert

from ..engines.names import PARAMETER_NAMES
from ..engines.registry import over_tensors
from ..training.base import next_window
from ..verify.network import autograd
from .mistakes import Mistake

# Shakespeare, Hamlet, act 3, scene 1; small letters, to keep the vocabulary small.
TEXT = (
    "to be, or not to be, that is the question. whether tis nobler in the mind to suffer the "
    "slings and arrows of outrageous fortune, or to take arms against a sea of troubles, and by "
    "opposing end them. to die, to sleep, no more, and by a sleep to say we end the heartache and "
    "the thousand natural shocks that flesh is heir to, tis a consummation devoutly to be wished. "
)
H, T, SEED = 12, 25, 1
ITERATIONS = 300
MEASURED_AT = 70  # iterations of right training before the gradients are compared
LAGS = 12
RIGHT = 1e-9  # largest relative error of a right entry; rounding stays below 1e-11
CARRIED = "state"  # the gradient with respect to the state before the window

Backward = Callable[[Parameters, Gradients, Trace, np.ndarray, float | None], np.ndarray]


def source() -> tuple[list[str], int]:
    """Return the body of the reference's `backward_window` and the number of its first line."""
    lines, first = inspect.getsourcelines(reference.rnn.backward_window)
    start = next(n for n, line in enumerate(lines) if line.strip() == '"""' and n) + 1
    return textwrap.dedent("".join(lines[start:])).rstrip().split("\n"), first + start


def place(mistake: Mistake) -> int:
    """Return the index of the mistake's line in the body.

    Raises ValueError if the body doesn't have that line exactly once.
    """
    stripped = [line.strip() for line in source()[0]]
    if stripped.count(mistake.right) != 1:
        raise ValueError(f"reference/rnn.py must have this line once: {mistake.right}")
    return stripped.index(mistake.right)


def with_mistake(mistake: Mistake | None) -> tuple[list[str], Backward]:
    """Return the body with the mistake in it, and the function that it makes."""
    body, _ = source()
    if mistake is not None:
        at = place(mistake)
        body[at] = body[at].replace(mistake.right, mistake.wrong)
    header = "def backward_window(parameters, gradients, trace, da_next, clip):\n"
    made: dict[str, Any] = {"np": np}
    exec(header + textwrap.indent("\n".join(body), "    "), made)
    return body, made["backward_window"]


def start_training(clip: float) -> reference.Training:
    vocabulary = Vocabulary.from_text(TEXT)
    settings = Hyperparameters(
        hidden_size=H, seq_length=T, iterations=ITERATIONS, sample_every=ITERATIONS + 1
    )
    return reference.Training(
        vocabulary.encode(TEXT), settings, vocabulary=vocabulary, seed=SEED, clip=clip
    )


def learn(training: reference.Training, backward: Backward, iterations: int) -> list[float]:
    """Train with this backward pass in place of the reference's.

    Returns the losses in bits per character, one an iteration; they end early if the network breaks
    down.
    """
    losses = []
    for _ in range(iterations):
        inputs, targets, state = next_window(training)
        try:
            trace = reference.forward(training.parameters, inputs, targets, state)
        except FloatingPointError:
            break
        gradients = training.parameters.zeros_like()
        backward(training.parameters, gradients, trace, np.zeros((H, 1)), training.clip)
        rate = training.hyperparameters.learning_rate
        update(training.parameters, gradients, training.accumulators, rate)
        start = 0 if training.position + T + 1 > len(training.text) else training.position
        training.position, training.hidden_state = start + T, trace.final_state
        losses.append(float(trace.loss / (T * np.log(2))))
    return losses


@dataclass(frozen=True)
class Measurement:
    """A wrong gradient beside the right one.

    `computed`, `expected` and `errors` have an array for each parameter; an error is relative to
    the parameter's largest expected entry. `lags[name][k]` is the largest error where only the last
    target counts and the window has k + 1 steps; CARRIED is one of the names.
    """

    computed: dict[str, np.ndarray]
    expected: dict[str, np.ndarray]
    errors: dict[str, np.ndarray]
    lags: dict[str, list[float]]


class Workbench:
    """One window of a network that was trained a while with the right backward pass."""

    def __init__(self, clip: float) -> None:
        training = start_training(clip)
        learn(training, with_mistake(None)[1], MEASURED_AT)
        self.clip, self.parameters = clip, training.parameters
        self.window = next_window(training)
        self.trace = reference.forward(self.parameters, *self.window)
        clipped_gradient = over_tensors(autograd.clipped_gradient, "float64")
        self.expected = _named(clipped_gradient(self.parameters, self.window, clip))
        self.expected_at_lag = [self._exact_at_lag(lag) for lag in range(LAGS)]

    def measure(self, backward: Backward) -> Measurement:
        computed, _ = self._run(backward, self.trace)
        lags: dict[str, list[float]] = {name: [] for name in (*PARAMETER_NAMES, CARRIED)}
        for lag, expected in enumerate(self.expected_at_lag):
            gradients, carried = self._run(backward, self.one_target(lag))
            found = {**gradients, CARRIED: carried}
            for name, errors in lags.items():
                errors.append(float(relative_errors(found[name], expected[name]).max()))
        errors = {
            name: relative_errors(computed[name], self.expected[name]) for name in PARAMETER_NAMES
        }
        return Measurement(computed, self.expected, errors, lags)

    def one_target(self, lag: int) -> Trace:
        """Return the trace of the window's last lag + 1 steps, in which only the last has a loss.

        At the others the target has probability 1: p − onehot(y) is zero there.
        """
        start, whole = T - 1 - lag, self.trace
        probabilities = whole.probabilities[start:].copy()
        probabilities[:-1] = 0.0
        probabilities[np.arange(lag), whole.targets[start:-1]] = 1.0
        losses = np.where(np.arange(lag + 1) == lag, whole.losses[start:], 0.0)
        return Trace(
            whole.inputs[start:], whole.targets[start:], whole.states[start:], probabilities, losses
        )

    def _run(self, backward: Backward, trace: Trace) -> tuple[dict[str, np.ndarray], np.ndarray]:
        gradients, from_later = self.parameters.zeros_like(), np.zeros((H, 1))
        carried = backward(self.parameters, gradients, trace, from_later, self.clip)
        return _named(gradients), carried

    def _exact_at_lag(self, lag: int) -> dict[str, np.ndarray]:
        """Return autograd's gradient of the last loss over lag + 1 steps, with the running clip."""
        trace = self.one_target(lag)
        tensors = convert.from_reference(self.parameters, dtype=torch.float64)
        copies = [[value.clone().requires_grad_() for value in tensors] for _ in range(lag + 1)]
        start = torch.from_numpy(trace.states[0].copy()).requires_grad_()
        inputs, targets = torch.from_numpy(trace.inputs), torch.from_numpy(trace.targets)
        loss, _ = autograd.window_loss(copies, inputs, targets, start)
        if lag:  # the last loss alone: the sum of all, without the sum of the others
            loss = loss - autograd.window_loss(copies[:-1], inputs[:-1], targets[:-1], start)[0]
        leaves = [*(leaf for copy in copies for leaf in copy), start]
        *found, carried = torch.autograd.grad(loss, leaves)
        size = len(PARAMETER_NAMES)
        steps = [torch_impl.Gradients(*found[k * size : (k + 1) * size]) for k in range(lag + 1)]
        exact = _named(convert.to_reference(autograd.fold(steps, self.clip)))
        return {**exact, CARRIED: carried.numpy()}


workbench = cache(Workbench)  # one for each clip


def relative_errors(computed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return the entries' errors over the largest expected entry (of zeros: absolute errors)."""
    return np.abs(computed - expected) / (np.abs(expected).max() or 1.0)


def _named(gradients: Gradients) -> dict[str, np.ndarray]:
    return dict(zip(PARAMETER_NAMES, gradients, strict=True))


@dataclass(frozen=True)
class Exercise:
    """A mistake with what it does; `losses` are in bits per character, one an iteration."""

    mistake: Mistake
    body: list[str]
    line: int
    losses: list[float]
    right_losses: list[float]
    measurement: Measurement


def make(mistakes: Sequence[Mistake], *, iterations: int = ITERATIONS) -> list[Exercise]:
    """Train and measure every mistake: about a second each."""
    clips = sorted({mistake.clip for mistake in mistakes}, reverse=True)
    right = with_mistake(None)[1]
    right_losses = {clip: learn(start_training(clip), right, iterations) for clip in clips}
    made = []
    for mistake in mistakes:
        body, backward = with_mistake(mistake)
        with np.errstate(over="ignore", invalid="ignore"):
            losses = learn(start_training(mistake.clip), backward, iterations)
            measurement = workbench(mistake.clip).measure(backward)
        made.append(
            Exercise(mistake, body, place(mistake), losses, right_losses[mistake.clip], measurement)
        )
    return made
