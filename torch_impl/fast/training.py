"""Training with the compiled kernels: the interface of reference.Training, many iterations a call.

V symbols, H hidden units, T characters per window, B lanes (parallel streams).
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import torch

from reference import Hyperparameters, Step, Vocabulary, initialize_parameters

from ..kernels.padding import padded
from ..kernels.team import Team
from ..kernels.threads import run_with_barrier
from .dropout import NO_DROPOUT, Dropout
from .iterations import NOT_FINITE, OUTSIDE, train
from .layout import Storage, padded_lanes, shared, workspace
from .optimizer import Optimizer
from .rules import NOTEBOOKS, Rule
from .running_clip import limit
from .sampling import generate
from .text import as_bytes, index_error, readable_text
from .window import checked_clip, checked_dropout, common_dtype

LONGEST_CALL = 500  # iterations; Ctrl-C has no effect while a kernel runs
# Least number of multiply-adds for each thread: of a window's recurrence, and of a step of a lone
# lane, at whose end all threads wait for each other.
WINDOW, STEP = 2**22, 2**19


def paying_threads(H: int, T: int, lanes: int, most: int | None) -> int:
    """Return the number of threads that pay for these sizes, up to `most`, or to torch's number."""
    paying = H * H // STEP if lanes == 1 else T * lanes * H * H // WINDOW
    return max(1, min(torch.get_num_threads() if most is None else most, paying))


class Training:
    """A training run, advanced one or many iterations at a time.

    As in reference.Training, its state is in attributes: `parameters`, `accumulators`,
    `hidden_state`, `position`, `iteration`, `smooth_loss`. The first three are views of the
    engine's storage: they always show the current values, and assigning to them copies. `average`
    holds the averaged weights, if they are averaged; it begins as the initial ones.

    With B lanes, the text is cut into B sections of equal length (the remainder is dropped) that
    are read in parallel, from the same position in each. Every lane carries its own hidden state,
    a column of `hidden_state`. Losses are summed over the lanes; lane 0 writes the samples.

    Example:
        training = Training(text, Hyperparameters(), vocabulary=vocabulary, lanes=16)
        for step in training.advance(1000):
            print(step.iteration, step.smooth_loss)  # nats per window, summed over the lanes
    """

    def __init__(
        self,
        text: np.ndarray | torch.Tensor,
        hyperparameters: Hyperparameters,
        *,
        vocabulary: Vocabulary,
        seed: int = 1,
        parameters: Iterable[np.ndarray | torch.Tensor] | None = None,
        clip: float | None = 5.0,
        lanes: int = 1,
        dtype: torch.dtype = torch.float64,
        rule: Rule = NOTEBOOKS,
        rate: Callable[[int], float] | None = None,
        share: Callable[[int], float] | None = None,
        dropout: Dropout = NO_DROPOUT,
        threads: int | None = None,
    ) -> None:
        """Start from a copy of `parameters` if given, otherwise from weights drawn with `seed`.

        `text` holds indices into the vocabulary; a contiguous array of uint8, uint16, uint32 or
        int64 is used without a copy. A memory-mapped text is not checked in advance: an index
        outside the vocabulary raises ValueError in the iteration that reads it. `clip` is the
        running clip's bound, None for plain backpropagation through time. `rule` is the optimizer,
        by default the notebook's; `rate` gives the learning rate of an iteration, counted from 1,
        and is by default that of the hyperparameters. `share` gives the share of the new weights in
        their average after an iteration; by default there is no average. `dropout` states which
        fractions of the hidden states are dropped. The sizes decide how many threads compute, up to
        `threads`, by default torch.get_num_threads(); the bits don't depend on it.

        Raises ValueError for sections shorter than one window and its last target, an index
        outside the vocabulary, lanes or threads below 1, a negative clip, wrong shapes or a dropout
        outside [0, 1);
        TypeError for a text that doesn't hold integers or a dtype other than float32 and float64.
        """
        H, V, T = hyperparameters.hidden_size, len(vocabulary), hyperparameters.seq_length
        common_dtype([torch.empty(0, dtype=dtype)])
        if lanes < 1:
            raise ValueError(f"lanes must be at least 1, got {lanes}")
        if threads is not None and threads < 1:
            raise ValueError(f"threads must be at least 1, got {threads}")
        self.text = readable_text(text, V)
        if self.text.ndim != 1:
            raise ValueError(f"the text must have one dimension, got shape {self.text.shape}")
        if len(self.text) // lanes < T + 1:
            raise ValueError(
                f"the text must have at least {T + 1} characters for each of {lanes} lanes "
                f"(a window of {T} and its last target), got {len(self.text)}"
            )
        self.hyperparameters = hyperparameters
        self.vocabulary = vocabulary
        self.lanes = lanes
        self.clip = clip
        self._weights = Storage.zeros(H, V, dtype)
        self._gradients = Storage.zeros(H, V, dtype)
        self.optimizer = Optimizer(rule, self._weights)
        self._share = share
        self._rate = rate or (lambda iteration: hyperparameters.learning_rate)
        if parameters is None:
            parameters = initialize_parameters(vocab_size=V, hidden_size=H, seed=seed)
        self._weights.fill(parameters, "parameters")
        self.average = None if share is None else self._weights.copy()
        self._hidden = torch.zeros(padded_lanes(lanes), padded(H, dtype), dtype=dtype)
        self._work = workspace(H, V, T, lanes, dtype, checked_dropout(dropout))
        self._works = shared(self._work, paying_threads(H, T, lanes, threads))
        self._arrays = (self._weights.arrays(), self._gradients.arrays())
        self.position = 0
        self.iteration = 0
        self.smooth_loss = float(np.log(V) * T) * lanes

    @property
    def clip(self) -> float | None:
        return self._clip

    @clip.setter
    def clip(self, clip: float | None) -> None:
        self._bound = checked_clip(clip)
        self._clip = clip

    @property
    def parameters(self) -> Storage:
        return self._weights

    @parameters.setter
    def parameters(self, values: Iterable[np.ndarray | torch.Tensor]) -> None:
        self._weights.fill(values, "parameters")

    @property
    def accumulators(self) -> Storage:
        return self.optimizer.first

    @accumulators.setter
    def accumulators(self, values: Iterable[np.ndarray | torch.Tensor]) -> None:
        self.optimizer.first.fill(values, "accumulators")

    @property
    def hidden_state(self) -> torch.Tensor:
        """The initial state of the next window, (H, B)."""
        return self._hidden.T[: self._weights.H, : self.lanes]

    @hidden_state.setter
    def hidden_state(self, value: np.ndarray | torch.Tensor) -> None:
        given, view = torch.as_tensor(value), self.hidden_state
        if given.shape != view.shape:
            raise ValueError(
                f"hidden_state must be of shape {tuple(view.shape)}, got {tuple(given.shape)}"
            )
        view.copy_(given)

    def step(self) -> Step:
        """Run one iteration.

        Raises FloatingPointError, before anything changes, if the loss is not finite.
        """
        return self.advance(1)[0]

    def advance(self, iterations: int) -> list[Step]:
        """Run up to `iterations` iterations, without returning to Python between samples.

        If an iteration's loss is not finite, the iterations before it are kept and returned; if
        there are none, as in the following call, FloatingPointError is raised. Nothing of the
        failing iteration is kept. Raises ValueError for `iterations` below 1.
        """
        if iterations < 1:
            raise ValueError(f"iterations must be at least 1, got {iterations}")
        steps: list[Step] = []
        while len(steps) < iterations:
            due = self._iterations_to_next_sample()
            count = 1 if due == 1 else min(due - 1, iterations - len(steps), LONGEST_CALL)
            before = self._weights.copy() if due == 1 else None
            losses, error = self._run(count)
            sample = self._sample(before) if before is not None and error is None else None
            for loss, smooth_loss in losses:
                self.iteration += 1
                steps.append(Step(self.iteration, loss, smooth_loss, sample))
            if error is not None:
                if steps:
                    break
                raise error
        return steps

    def __iter__(self) -> Iterator[Step]:
        """Run the remaining iterations, yielding after each; the attributes are then current."""
        while self.iteration < self.hyperparameters.iterations:
            yield self.step()

    def _run(self, count: int) -> tuple[list[tuple[float, float]], Exception | None]:
        H, V, T = self._weights.H, self._weights.V, self.hyperparameters.seq_length
        number = self._work.dh.dtype.type
        safe = limit(self._bound, T * self.lanes, self._work.dh.dtype)
        if self.position < 0:
            raise ValueError(f"position must be at least 0, got {self.position}")
        out = np.empty((2, count))
        averages = (self.average or self._weights).arrays()
        before = *self._arrays, *self.optimizer.arrays, averages, self._hidden.numpy()
        iterations = range(self.iteration + 1, self.iteration + 1 + count)
        after = (
            as_bytes(self.text),
            self.text.itemsize,
            self.position,
            float(self.smooth_loss),
            (T, self.lanes, H, V),
            self.optimizer.rule,
            np.array([self._rate(n) for n in iterations]),
            np.array([self._share(n) for n in iterations] if self._share else [], float),
            self.iteration,
            number(self._bound),
            number(safe),
            out,
        )

        def run(arrived: np.ndarray, thread: int, threads: int) -> tuple[int, int, int, float]:
            work = self._works[thread]._replace(team=Team(thread, threads, arrived))
            return train(*before, work, *after)

        done, reason, self.position, self.smooth_loss = run_with_barrier(run, len(self._works))
        error = None
        if reason == NOT_FINITE:
            error = FloatingPointError(
                f"the loss must be a finite number, got {out[0, done]} in iteration "
                f"{self.iteration + done + 1}"
            )
        elif reason == OUTSIDE:
            error = self._index_error()
        return list(zip(*out[:, :done].tolist(), strict=True)), error

    def _index_error(self) -> ValueError:
        """Return the error for the index in the next window that is outside the vocabulary."""
        T, section = self.hyperparameters.seq_length, len(self.text) // self.lanes
        begin = self.position if self.position + T + 1 <= section else 0
        found = (
            index_error(self.text[start : start + T + 1], self._weights.V, start)
            for start in range(begin, self.lanes * section, section)
        )
        return next(filter(None, found), ValueError("the text changed while it was read"))

    def _iterations_to_next_sample(self) -> int:
        every = self.hyperparameters.sample_every
        return 1 if self.iteration == 0 else every - self.iteration % every

    def _sample(self, parameters: Storage) -> str:
        last_input = int(self.text[self.position - 1])
        return generate(parameters, self.vocabulary, self.hidden_state[:, :1], last_input)
