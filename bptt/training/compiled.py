"""The compiled engine's own loop, which takes many iterations a call."""

from functools import partial

import numpy as np
import torch
from jaxtyping import Integer

from reference import Parameters, Vocabulary
from torch_impl import fast
from torch_impl.fast.layout import Storage

from ..engines.gradients import dropout, named
from ..settings import Settings
from . import sampling, schedule
from .base import Training
from .optimizers import named_state, rule
from .state import INITIAL_STATE
from .validation import ValidationHistory


class CompiledTraining(fast.Training, Training):  # pyright: ignore[reportIncompatibleVariableOverride]
    """Training by the compiled engine, with every optimizer, clip and schedule of the settings."""

    def __init__(
        self,
        text: Integer[np.ndarray, " N"],
        settings: Settings,
        *,
        vocabulary: Vocabulary,
        parameters: Parameters,
        threads: int | None = None,
    ) -> None:
        """`threads` is the largest number of threads. Raises as fast.Training does."""
        super().__init__(
            text,
            settings.hyperparameters,
            vocabulary=vocabulary,
            parameters=parameters,
            clip=settings.running_clip,
            lanes=settings.lanes,
            dtype=getattr(torch, settings.dtype),
            rule=rule(settings),
            rate=lambda iteration: schedule.rate(settings, iteration, self.progress),
            share=partial(schedule.average_share, settings) if settings.average_decay else None,
            dropout=dropout(settings),
            threads=threads,
        )
        self.settings = settings
        self.progress = ValidationHistory()
        self.learned = self._named(self.parameters)
        self.averages = {} if self.average is None else self._named(self.average)
        self.optimizer_state = named_state(settings, self.optimizer)

    def _named(self, storage: Storage) -> dict[str, torch.Tensor]:
        own = {INITIAL_STATE: storage.a0} if self.settings.learn_initial_state else {}
        return named(storage) | own

    def _sample(self, parameters: Storage) -> str:
        last, state = int(self.text[self.position - 1]), self.hidden_state[:, :1]
        return sampling.during_training(
            parameters, self.vocabulary, state, last, self.settings, self.iteration + 1
        )
