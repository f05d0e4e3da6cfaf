"""Training by a process group: each process computes some of the lanes."""

import hashlib
from typing import Any

import torch

from reference import Step

from ..engines.processes import Command, ProcessGroup
from ..errors import InputError
from ..settings import Settings
from .loop import TrainingLoop
from .state import to_arrays


class SharedTraining(TrainingLoop):
    """TrainingLoop with an engine made by engines.shared.share.

    All processes take the same step with gradients of the same bits, so their weights stay the
    same; this is verified at every checkpoint. Only the leader samples text.
    """

    def __init__(self, *given: Any, group: ProcessGroup, **named: Any) -> None:
        """Raises as TrainingLoop does."""
        self._group = group
        super().__init__(*given, **named)

    def share_state(self) -> None:
        """Copy the leader's state to all processes; the leader broadcasts the command first."""
        group = self._group
        if group.leads:
            group.broadcast_command(Command.STATE)
        in_place = self.learned, self.optimizer_state, self.averages
        for value in (*(v for kind in in_place for v in kind.values()), self.hidden_state):
            group.broadcast(value)
        scalars = torch.tensor(
            [self.position, self.iteration, self.smooth_loss], dtype=torch.float64
        )
        group.broadcast(scalars)
        self.position, self.iteration = int(scalars[0]), int(scalars[1])
        self.smooth_loss = float(scalars[2])

    def step(self) -> Step:
        """Take one iteration; the leader broadcasts the command first.

        Raises as TrainingLoop does, LostError if the connection to another process is lost, and
        InputError if another one has other weights.
        """
        if self._group.leads:
            self._group.broadcast_command(Command.STEP, self.progress.reductions)
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
                f"same weights; process {', '.join(map(str, others))} has weights other than the "
                f"first's. Do all machines compute the same bits?"
            )
