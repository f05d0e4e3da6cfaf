"""The training loop: a gradient engine, a clip, an optimizer, a learning-rate schedule.

N characters of text, V symbols, H hidden units, T characters a window, B lanes.
"""

import functools
import math

import numpy as np
import torch
from jaxtyping import Integer

from reference import Step, Vocabulary
from reference.training import NEW_WEIGHT, OLD_WEIGHT

from ..engines.gradients import GradientEngine, Window
from ..engines.names import PARAMETER_NAMES
from ..settings import Settings
from . import optimizers, sampling, schedule
from .base import Training
from .state import INITIAL_STATE
from .validation import ValidationHistory


class TrainingLoop(Training):
    """Trains with any gradient engine, and with every optimizer, clip and schedule of the settings.

    The text is divided into a section for each lane. If the initial state is learned, every section
    begins with it.
    """

    def __init__(
        self,
        text: Integer[np.ndarray, " N"],
        settings: Settings,
        *,
        vocabulary: Vocabulary,
        engine: GradientEngine,
    ) -> None:
        """Raises ValueError if a lane gets less than one window and its last target."""
        T, B = settings.seq_length, settings.lanes
        if len(text) // B < T + 1:
            raise ValueError(
                f"the text must have at least {T + 1} characters for each of {B} lanes "
                f"(a window of {T} and its last target), got {len(text)}"
            )
        self.text = text
        self.vocabulary = vocabulary
        self.hyperparameters = settings.hyperparameters
        self.settings = settings
        self.clip = settings.running_clip
        self.lanes = B
        self.progress = ValidationHistory()
        self._engine = engine
        self.parameters = tuple(engine.parameters[name] for name in PARAMETER_NAMES)
        bh = engine.parameters["bh"]
        self.learned = dict(engine.parameters)
        if settings.learn_initial_state:
            storages = engine.storages
            own = torch.zeros_like(bh) if storages is None else storages[0].a0
            self.learned[INITIAL_STATE] = own
        average = settings.average_decay > 0
        self.averages = {n: w.clone() for n, w in self.learned.items()} if average else {}
        self._optimizer = optimizers.make(settings, self.learned, engine)
        self.optimizer_state = self._optimizer.state
        self.hidden_state = bh.new_zeros((len(bh), B))
        self.position = 0
        self.iteration = 0
        self.smooth_loss = float(np.log(len(vocabulary)) * T) * B
        if settings.learn_initial_state:
            self._begin_section()

    def step(self) -> Step:
        """Take one iteration.

        Raises FloatingPointError if the loss isn't finite; nothing is updated then.
        """
        begins = self._begin_section_where_due()
        window = self._window()
        self._engine.iteration = self.iteration + 1
        loss = self._engine.differentiate(window, self.clip)
        if not math.isfinite(loss):
            raise FloatingPointError(f"the loss must be a finite number, got {loss}")
        gradients = dict(self._engine.gradients)
        if begins and INITIAL_STATE in self.learned:
            signals = self._engine.initial_state_gradient.split(1, dim=1)
            gradients[INITIAL_STATE] = functools.reduce(torch.add, signals)  # in the lanes' order
        final_state = self._engine.final_state
        sample = self._write(window) if self._is_due() else None
        rate = schedule.rate(self.settings, self.iteration + 1, self.progress)
        self._optimizer.step(gradients, rate)
        share = schedule.average_share(self.settings, self.iteration + 1)
        for name, mean in self.averages.items():
            mean += share * (self.learned[name] - mean)

        self.hidden_state = final_state
        self.position += self.settings.seq_length
        self.iteration += 1
        step = Step(self.iteration, loss, self.smooth_loss, sample)
        self.smooth_loss = self.smooth_loss * OLD_WEIGHT + loss * NEW_WEIGHT
        return step

    def _begin_section_where_due(self) -> bool:
        section, T = len(self.text) // self.lanes, self.settings.seq_length
        if self.position + T + 1 > section:
            self.position = 0
        if self.position == 0:
            self._begin_section()
        return self.position == 0

    def _begin_section(self) -> None:
        self.hidden_state = torch.zeros_like(self.hidden_state)
        if INITIAL_STATE in self.learned:
            self.hidden_state += self.learned[INITIAL_STATE]

    def _window(self) -> Window:
        section, T = len(self.text) // self.lanes, self.settings.seq_length
        rows = [
            self.text[lane * section + self.position :][: T + 1].astype(np.int64)
            for lane in range(self.lanes)
        ]
        characters = np.stack(rows, axis=1)
        return characters[:-1], characters[1:], self.hidden_state

    def _is_due(self) -> bool:
        iteration = self.iteration + 1
        return iteration == 1 or iteration % self.hyperparameters.sample_every == 0

    def _write(self, window: Window) -> str:
        """Continue the text from lane 0's last character, as the notebook does: it and 100 more."""
        last, state = int(window[0][-1, 0]), self._engine.final_state[:, :1]
        return sampling.during_training(
            self.parameters, self.vocabulary, state, last, self.settings, self.iteration + 1
        )
