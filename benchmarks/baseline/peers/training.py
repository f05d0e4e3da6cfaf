"""The training of a reference network, an iteration at a time.

N characters of text, V symbols, T steps of a window, B lanes (parallel streams of the text, each of
which carries its state).
"""

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Integer
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from bptt.training import schedule
from bptt.training.validation import ValidationHistory

from .networks import Network, State
from .settings import PeerSettings

SMOOTHING = 0.999  # of the loss that the log shows


@dataclass(frozen=True, slots=True)
class Step:
    """An iteration's loss in nats, summed over steps and lanes, and the rate it was taken at."""

    iteration: int
    loss: float
    smooth_loss: float
    rate: float


class PeerTraining:
    """A training, and all that it needs to go on: `saved` and `restore`.

    The text is cut into B sections of equal length, a lane each; the remainder is dropped. States
    are carried from window to window and are zero again whenever the sections start anew. Masks of
    dropout depend on seed and iteration alone.

    Raises ValueError for lanes shorter than a window and its last target.
    """

    def __init__(
        self, text: Integer[np.ndarray, " N"], vocab_size: int, settings: PeerSettings
    ) -> None:
        B, T = settings.lanes, settings.seq_length
        section = len(text) // B
        if section < T + 1:
            raise ValueError(
                f"each of the {B} lanes must have at least {T + 1} characters "
                f"(a window of {T} and its last target), got {section}"
            )
        kept = np.asarray(text[: B * section], np.int64)
        self.text = torch.from_numpy(kept).reshape(B, section).T.contiguous()
        self.settings = settings
        self.as_of_bptt = settings.as_of_bptt
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(settings.seed)
            self.network = Network(settings, vocab_size)
        # What is validated and saved: the average, if there is one.
        self.averaged = copy.deepcopy(self.network) if settings.average_decay else self.network
        self.optimizer = _optimizer(settings, self.network)
        self.generator = torch.Generator()
        self.state: State = self.network.start(B)
        self.position = 0
        self.iteration = 0
        self.smooth_loss = T * B * math.log(vocab_size)

    def step(self) -> Step:
        """Take one iteration.

        Raises FloatingPointError, before the weights change, if the loss is not finite.
        """
        settings, T = self.settings, self.settings.seq_length
        if self.position + T + 1 > len(self.text):
            self.position, self.state = 0, self.network.start(settings.lanes)
        window = self.text[self.position : self.position + T + 1]
        self.generator.manual_seed((settings.seed << 32) + self.iteration)
        self.optimizer.zero_grad(set_to_none=True)
        logits, carried = self.network(window[:-1], self.state, self._drop)
        loss = cross_entropy(logits.flatten(0, 1), window[1:].flatten(), reduction="sum")
        value = loss.item()
        if not math.isfinite(value):
            raise FloatingPointError(f"the loss must be a finite number, got {value}")
        loss.backward()
        if settings.clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), settings.clip)
        rate = schedule.rate(self.as_of_bptt, self.iteration + 1, ValidationHistory())
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self._average()
        self.state = [tuple(one.detach() for one in layer) for layer in carried]
        self.position += T
        self.iteration += 1
        self.smooth_loss += (1 - SMOOTHING) * (value - self.smooth_loss)
        return Step(self.iteration, value, self.smooth_loss, rate)

    def _drop(self, tensor: Tensor, rate: float) -> Tensor:
        if rate == 0.0:
            return tensor
        mask = torch.empty_like(tensor, requires_grad=False)
        mask.bernoulli_(1.0 - rate, generator=self.generator).div_(1.0 - rate)
        return tensor * mask

    @torch.no_grad()
    def _average(self) -> None:
        """Move the averages; the first updates count more, or the start would stay in them."""
        if not self.settings.average_decay:
            return
        n = self.iteration + 1
        decay = min(self.settings.average_decay, (1 + n) / (10 + n))
        both = zip(self.averaged.parameters(), self.network.parameters(), strict=True)
        for average, weight in both:
            average.lerp_(weight, 1.0 - decay)

    def saved(self) -> dict[str, Any]:
        """Return all that changes in training, as torch.load with weights_only reads it."""
        return {
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "state": self.state,
            "position": self.position,
            "iteration": self.iteration,
            "smooth_loss": self.smooth_loss,
        }

    def restore(self, saved: dict[str, Any]) -> None:
        """Go on where `saved` was made, with the same bits as if nothing had happened."""
        self.network.load_state_dict(saved["network"])
        if self.averaged is not self.network:
            self.averaged.load_state_dict(saved["averaged"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.state = saved["state"]
        self.position, self.iteration = saved["position"], saved["iteration"]
        self.smooth_loss = saved["smooth_loss"]


def _optimizer(settings: PeerSettings, network: Network) -> torch.optim.Optimizer:
    """Return the optimizer in its fastest form; weight decay is on matrices only, not on biases."""
    matrices = [one for one in network.parameters() if one.ndim > 1]
    vectors = [one for one in network.parameters() if one.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    rate = settings.learning_rate
    if settings.optimizer == "adam":
        return torch.optim.Adam(groups, lr=rate, fused=True)
    if settings.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=rate, fused=True)
    return torch.optim.RMSprop(groups, lr=rate)
