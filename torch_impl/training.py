"""The training loop: read a window, learn from it, carry the state on to the next.

N characters of text, V symbols, H hidden units.
"""

from collections.abc import Iterator

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from reference import Hyperparameters, Run, Step, Vocabulary
from reference.training import ADDED, KEPT

from .adagrad import update
from .rnn import Parameters, Trace, backward, forward, initialize_parameters
from .sampling import generate


class Training:
    """A run, taken one iteration at a time.

    Its state is all in plain attributes: `parameters`, `accumulators`, `hidden_state`,
    `position` (where the next window begins), `iteration` (how many are done), `smooth_loss`.
    Give them back to a new Training over the same text and it goes on, bit for bit.
    """

    def __init__(
        self,
        text: Int[Tensor, " N"],
        hyperparameters: Hyperparameters,
        *,
        vocabulary: Vocabulary,
        seed: int = 1,
        parameters: Parameters | None = None,
        clip: float | None = 5.0,
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
    ) -> None:
        """Start from a copy of `parameters` where given, else from the seed's.

        Raises ValueError for a text that is shorter than one window and its last target, or for
        parameters of another shape.
        """
        H, V, T = hyperparameters.hidden_size, len(vocabulary), hyperparameters.seq_length
        if len(text) < T + 1:
            raise ValueError(
                f"the text must have at least {T + 1} characters "
                f"(a window of {T} and its last target), got {len(text)}"
            )
        drawn = initialize_parameters(
            vocab_size=V, hidden_size=H, seed=seed, dtype=dtype, device=device
        )
        if parameters is None:
            parameters = drawn
        for given, expected in zip(parameters, drawn, strict=True):
            if given.shape != expected.shape:
                raise ValueError(
                    f"parameters must fit {H} hidden units and {V} symbols: expected shape "
                    f"{tuple(expected.shape)}, got {tuple(given.shape)}"
                )
        self.text = text.to(parameters.bh.device)
        self.hyperparameters = hyperparameters
        self.vocabulary = vocabulary
        self.clip = clip
        self.parameters = parameters.copy()
        self.accumulators = parameters.zeros_like()
        self.hidden_state = torch.zeros_like(parameters.bh)
        self.position = 0
        self.iteration = 0
        self.smooth_loss = float(np.log(V) * T)

    def step(self) -> Step:
        """Take one iteration.

        Raises FloatingPointError, before anything changes, when the loss is no finite number.
        """
        T = self.hyperparameters.seq_length
        position, initial_state = self.position, self.hidden_state
        if position + T + 1 > len(self.text):
            position, initial_state = 0, torch.zeros_like(initial_state)
        inputs = self.text[position : position + T]
        targets = self.text[position + 1 : position + T + 1]

        trace = forward(self.parameters, inputs, targets, initial_state)
        loss = float(trace.loss)
        if not np.isfinite(loss):
            raise FloatingPointError(f"the loss must be a finite number, got {loss}")
        sample = self._write(trace) if self._is_due() else None
        gradients = backward(self.parameters, trace, self.clip)
        update(self.parameters, gradients, self.accumulators, self.hyperparameters.learning_rate)

        self.hidden_state = trace.final_state
        self.position = position + T
        self.iteration += 1
        step = Step(self.iteration, loss, self.smooth_loss, sample)
        self.smooth_loss = self.smooth_loss * KEPT + loss * ADDED
        return step

    def __iter__(self) -> Iterator[Step]:
        """Take what is left of the run."""
        while self.iteration < self.hyperparameters.iterations:
            yield self.step()

    def _is_due(self) -> bool:
        iteration = self.iteration + 1
        return iteration == 1 or iteration % self.hyperparameters.sample_every == 0

    def _write(self, trace: Trace) -> str:
        last_input = self.vocabulary.symbols[int(trace.inputs[-1])]
        start = torch.from_numpy(self.vocabulary.encode_one_hot(last_input)[0])
        return generate(self.parameters, self.vocabulary, trace.final_state, start)


def train(
    text: str,
    hyperparameters: Hyperparameters,
    *,
    vocabulary: Vocabulary | None = None,
    seed: int = 1,
    parameters: Parameters | None = None,
    clip: float | None = 5.0,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Run[Parameters]:
    """Train to the end; `vocabulary` defaults to the text's own, sorted. Raises as Training."""
    vocabulary = vocabulary or Vocabulary.from_text(text)
    training = Training(
        torch.from_numpy(vocabulary.encode(text)),
        hyperparameters,
        vocabulary=vocabulary,
        seed=seed,
        parameters=parameters,
        clip=clip,
        dtype=dtype,
        device=device,
    )
    steps = list(training)
    reports = [step for step in steps if step.sample is not None]
    return Run(training.parameters, [step.loss for step in steps], reports)
