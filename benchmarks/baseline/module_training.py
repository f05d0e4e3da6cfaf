"""The PyTorch peer: the same training with nn.RNN, nn.Linear, cross-entropy and autograd.

N characters of text, V symbols, H hidden units, T characters per window, B lanes (parallel
streams, each of which carries its hidden state).

It offers all options of `bptt train` except the running clip, which acts on partial sums over the
time steps, while autograd gives only the whole sum. The peer of a run with the running clip clips
the whole gradient by value.
"""

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from reference.adagrad import EPSILON
from torch_impl import Parameters
from torch_impl.convert import from_modules, to_modules

ADAGRAD, ADAM, RMSPROP = "adagrad", "adam", "rmsprop"
OPTIMIZERS = (ADAGRAD, ADAM, RMSPROP)
VALUE, NORM = "value", "norm"
STRETCH = 4096  # time steps evaluated at once; affects only the memory needed


@dataclass(frozen=True, slots=True)
class Clip:
    """Clips each entry of the gradient to ±bound ("value"), or its total norm to bound ("norm").

    These are PyTorch's own functions; clipping by norm adds 1e-6 to the norm it divides by.
    """

    kind: str
    bound: float

    def __post_init__(self) -> None:
        if self.kind not in (VALUE, NORM):
            raise ValueError(f"the clip must be by {VALUE} or {NORM}, got {self.kind!r}")
        if not self.bound >= 0.0:
            raise ValueError(f"the clip's bound must be a number of at least 0, got {self.bound}")

    def __call__(self, tensors: list[nn.Parameter]) -> None:
        if self.kind == VALUE:
            nn.utils.clip_grad_value_(tensors, self.bound)
        else:
            nn.utils.clip_grad_norm_(tensors, self.bound)


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """The peer's training settings; `learning_rate` maps an iteration (from 1) to its rate."""

    seq_length: int
    lanes: int
    learning_rate: Callable[[int], float]
    optimizer: str = ADAGRAD
    clip: Clip | None = None

    def __post_init__(self) -> None:
        if self.optimizer not in OPTIMIZERS:
            known = ", ".join(OPTIMIZERS)
            raise ValueError(f"optimizer must be one of {known}, got {self.optimizer!r}")
        for name in ("seq_length", "lanes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")


@dataclass(frozen=True, slots=True)
class Step:
    """One iteration: `loss` in nats, summed over steps and lanes, and the progress so far.

    `seconds` is the training time since the start, including this iteration.
    """

    iteration: int
    loss: float
    characters: int
    seconds: float

    @property
    def characters_per_second(self) -> float:
        return self.characters / self.seconds


class Adagrad:
    """Adagrad with epsilon inside the root, as in the notebook; torch.optim has it outside."""

    def __init__(self, tensors: list[nn.Parameter]) -> None:
        self.tensors = tensors
        self.sums = [torch.zeros_like(tensor) for tensor in tensors]

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        for tensor, total in zip(self.tensors, self.sums, strict=True):
            assert tensor.grad is not None
            total.addcmul_(tensor.grad, tensor.grad)
            tensor.addcdiv_(tensor.grad, torch.sqrt(total + EPSILON), value=-learning_rate)


class FromTorch:
    """An optimizer of torch.optim with its default settings; Adam is the fused (fastest) one."""

    def __init__(self, kind: str, tensors: list[nn.Parameter]) -> None:
        self.optimizer = (
            torch.optim.Adam(tensors, fused=True) if kind == ADAM else torch.optim.RMSprop(tensors)
        )

    def step(self, learning_rate: float) -> None:
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.optimizer.step()


class ModuleTraining:
    """A training run, advanced one iteration at a time.

    The text is cut into B sections of equal length (the remainder is dropped), one per lane. The
    hidden state is carried from window to window, detached, and reset to zero whenever the
    sections start again.
    """

    def __init__(
        self, text: Int[np.ndarray, " N"], protocol: Protocol, *, parameters: Parameters
    ) -> None:
        """Start from a copy of `parameters`, in their dtype.

        Raises ValueError for lanes shorter than a window and its last target, or an index outside
        the vocabulary.
        """
        H, V = parameters.Whx.shape
        B, T = protocol.lanes, protocol.seq_length
        section = len(text) // B
        if section < T + 1:
            raise ValueError(
                f"each of the {B} lanes must have at least {T + 1} characters "
                f"(a window of {T} and its last target), got {section}"
            )
        _check(text, V)
        kept = np.asarray(text[: B * section], np.int64)
        self.text = torch.from_numpy(kept).reshape(B, section).T.contiguous()
        self.protocol = protocol
        self.vocab_size = V
        self.rnn, self.linear = to_modules(parameters)
        # nn.RNN adds two hidden biases. Trained both, their sum would take steps twice as large as
        # the protocol's, so the second one stays fixed at zero.
        self.rnn.bias_hh_l0.requires_grad_(False)
        self.trained = [
            parameter
            for module in (self.rnn, self.linear)
            for parameter in module.parameters()
            if parameter.requires_grad
        ]
        self.rule = (
            Adagrad(self.trained)
            if protocol.optimizer == ADAGRAD
            else FromTorch(protocol.optimizer, self.trained)
        )
        self.hidden_state = parameters.Whx.new_zeros(1, B, H)
        self.position = 0
        self.iteration = 0
        self.seconds = 0.0

    @property
    def parameters(self) -> Parameters:
        return from_modules(self.rnn, self.linear)

    def step(self) -> Step:
        """Run one iteration.

        Raises FloatingPointError, before the weights change, if the loss is not finite.
        """
        began = time.perf_counter()
        T, B = self.protocol.seq_length, self.protocol.lanes
        if self.position + T + 1 > len(self.text):
            self.position, self.hidden_state = 0, torch.zeros_like(self.hidden_state)
        window = self.text[self.position : self.position + T + 1]
        for parameter in self.trained:
            parameter.grad = None
        loss, final = self._forward(window, self.hidden_state)
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss must be a finite number, got {value}")
        loss.backward()
        if self.protocol.clip is not None:
            self.protocol.clip(self.trained)
        self.rule.step(self.protocol.learning_rate(self.iteration + 1))
        self.hidden_state = final.detach()
        self.position += T
        self.iteration += 1
        self.seconds += time.perf_counter() - began
        return Step(self.iteration, value, self.iteration * T * B, self.seconds)

    def __iter__(self) -> Iterator[Step]:
        """Run iterations without end."""
        while True:
            yield self.step()

    @torch.no_grad()
    def evaluate(self, text: Int[np.ndarray, " N"]) -> float:
        """Return the bits per character of a text, read as one stream from a zero state.

        The first character is not predicted. The training is not affected.

        Raises ValueError for a text without a second character, or an index outside the
        vocabulary.
        """
        if len(text) < 2:
            raise ValueError(f"the text must have at least 2 characters, got {len(text)}")
        _check(text, self.vocab_size)
        stream = torch.from_numpy(np.asarray(text, np.int64))[:, None]
        state, nats = torch.zeros_like(self.hidden_state[:, :1]), 0.0
        for start in range(0, len(text) - 1, STRETCH):
            loss, state = self._forward(stream[start : start + STRETCH + 1], state)
            nats += loss.item()
        return nats / (len(text) - 1) / math.log(2)

    def _forward(self, window: Int[Tensor, "S B"], state: Tensor) -> tuple[Tensor, Tensor]:
        inputs = one_hot(window[:-1], self.vocab_size).to(state.dtype)
        states, final = self.rnn(inputs, state)
        logits, targets = self.linear(states).flatten(0, 1), window[1:].flatten()
        return cross_entropy(logits, targets, reduction="sum"), final


def _check(text: Int[np.ndarray, " N"], vocab_size: int) -> None:
    outside = (text < 0) | (text >= vocab_size)
    if outside.any():
        position = int(np.argmax(outside))
        raise ValueError(
            f"indices must lie in 0..{vocab_size - 1} (vocabulary of {vocab_size}), "
            f"got {text[position]} at position {position}"
        )
