"""A training that several processes take together, each with its share of the lanes."""

import hashlib
from typing import Any

import torch

from reference import Step

from ..engines.processes import Command, Group
from ..errors import InputError
from ..settings import Settings
from .loop import ComposedTraining
from .state import to_arrays


class SharedTraining(ComposedTraining):
    """ComposedTraining whose differentiator is one of shared_gradients.

    All processes make the same step, on gradients that are the same to the last bit, so their
    weights stay the same; that is looked at wherever a checkpoint is due. Only the leader writes
    samples.
    """

    def __init__(self, *given: Any, group: Group, **named: Any) -> None:
        """Raises as ComposedTraining does."""
        self._group = group
        super().__init__(*given, **named)

    def share_state(self) -> None:
        """Take over where the leader's training stands; the leader tells the others to."""
        group = self._group
        if group.leads:
            group.tell(Command.STATE)
        for value in (*self.learned.values(), *self.optimizer_state.values(), self.hidden_state):
            group.broadcast(value)
        standing = torch.tensor(
            [self.position, self.iteration, self.smooth_loss], dtype=torch.float64
        )
        group.broadcast(standing)
        self.position, self.iteration = int(standing[0]), int(standing[1])
        self.smooth_loss = float(standing[2])

    def step(self) -> Step:
        """Take an iteration; the leader tells the others to.

        Raises as ComposedTraining does, LostError where another process is gone and InputError
        where another one has other weights.
        """
        if self._group.leads:
            self._group.tell(Command.STEP, self.progress.reductions)
        step = super().step()
        settings: Settings = self.settings
        if self.iteration % settings.checkpoint_every == 0 or self.iteration == settings.iterations:
            self._compare()
        return step

    def _is_due(self) -> bool:
        return self._group.leads and super()._is_due()

    def _compare(self) -> None:
        digest = hashlib.blake2b(digest_size=8)
        for value in to_arrays(self).values():
            digest.update(value.tobytes())
        mine = torch.frombuffer(bytearray(digest.digest()), dtype=torch.int64)
        everybodys = torch.zeros(self._group.size, 1, dtype=torch.int64)
        self._group.gather(mine, everybodys)
        others = [r for r, its in enumerate(everybodys) if its != everybodys[0]]
        if others:
            raise InputError(
                f"after iteration {self.iteration} all {self._group.size} processes must have the "
                f"same weights; process {', '.join(map(str, others))} has others than the first. "
                f"Do all machines compute alike?"
            )
