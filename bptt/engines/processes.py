"""The process group that torchrun starts to train one network, and its communication.

Its processes find each other by torchrun's environment variables; without them, a process is alone.
"""

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING

from ..errors import InputError
from ..settings import Settings

if TYPE_CHECKING:
    from torch import Tensor

# A dead process is noticed at once, and a lost machine by torchrun. This timeout is for what
# neither notices; it is long because workers wait while the leader validates or evaluates.
PATIENCE = timedelta(days=1)


class Command(IntEnum):
    """A command that the leader broadcasts to the workers, together with a number."""

    END = 0  # stop
    BEGIN = 1  # make a training; the number is the length in bytes of the config that follows
    STATE = 2  # copy the leader's state, which follows
    STEP = 3  # take an iteration; the number counts the learning rate's reductions so far


class LostError(InputError):
    """The connection to another process of the group is lost."""


@dataclass
class ProcessGroup:
    """A process group. Rank 0 leads and broadcasts commands; the other processes are workers."""

    rank: int = 0
    size: int = 1
    is_complete: bool = field(default=True, init=False)

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def ranges(self, count: int, unit: int = 1) -> list[tuple[int, int]]:
        """Divide `count` items into a range (first, end) for each process, in multiples of `unit`.

        Their lengths differ by at most one unit; some are empty if there are too few items.

        >>> ProcessGroup(size=2).ranges(5)
        [(0, 2), (2, 5)]
        """
        units = -(-count // unit)
        ends = [min(count, units * (rank + 1) // self.size * unit) for rank in range(self.size)]
        return list(zip([0, *ends], ends, strict=False))

    def broadcast(self, values: "Tensor") -> None:
        """Copy the leader's values to every process, in place."""
        if self.size > 1:
            import torch.distributed as dist

            sent = values.contiguous()
            with self._kept_together():
                dist.broadcast(sent, 0)
            if sent is not values:
                values.copy_(sent)

    def add_up(self, values: "Tensor") -> None:
        """Sum contiguous values over all processes, in place."""
        if self.size > 1:
            import torch.distributed as dist

            with self._kept_together():
                dist.all_reduce(values)

    def gather(self, mine: "Tensor", everybodys: "Tensor") -> None:
        """Collect each process's `mine` as a row of `everybodys`; all have the same shape."""
        import torch.distributed as dist

        with self._kept_together():
            dist.all_gather(list(everybodys.unbind()), mine)

    def broadcast_command(self, command: Command, number: int = 0) -> None:
        """Broadcast a command to the workers; only the leader does."""
        if self.size > 1:
            import torch

            self.broadcast(torch.tensor([int(command), number]))

    def receive_command(self) -> tuple[Command, int]:
        """Receive the leader's next command and its number."""
        import torch

        said = torch.zeros(2, dtype=torch.int64)
        self.broadcast(said)
        return Command(int(said[0])), int(said[1])

    def broadcast_text(self, command: Command, text: str) -> None:
        """Broadcast a command and a text, which the workers receive by `receive_text`."""
        if self.size > 1:
            self.broadcast_command(command)
            self._broadcast_object(text)

    def receive_text(self) -> str:
        """Receive the text that follows the leader's command."""
        return str(self._broadcast_object(None))

    def _broadcast_object(self, value: object) -> object:
        import torch.distributed as dist

        values = [value]
        with self._kept_together():
            dist.broadcast_object_list(values, 0)
        return values[0]

    def agree(self, complaint: str | None) -> None:
        """Continue in all processes or in none: if one has an error, all raise InputError.

        `complaint` is this process's error message, None if it has no error.
        """
        if self.size > 1:
            import torch.distributed as dist

            complaints: list[str | None] = [None] * self.size
            with self._kept_together():
                dist.all_gather_object(complaints, complaint)
            for rank, its_complaint in enumerate(complaints):
                if its_complaint is not None:
                    raise InputError(f"process {rank} of {self.size}: {its_complaint}")
        elif complaint:
            raise InputError(complaint)

    @contextmanager
    def _kept_together(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # gloo's, when a connection breaks
            self.is_complete = False
            reason = re.sub(r"^\[.*?\] ", "", str(error)).split(". ")[0]  # not where in its source
            raise LostError(
                f"process {self.rank} of {self.size} lost the connection to another one: {reason}"
            ) from error


ALONE = ProcessGroup()


@contextmanager
def joined() -> Iterator[ProcessGroup]:
    """Join the process group of this torchrun; on exit, the leader ends the workers.

    Raises LostError if the other processes don't join.
    """
    size = _number("WORLD_SIZE", 1)
    if size == 1:
        yield ALONE
        return
    import torch.distributed as dist

    # Its functions keep the group that exists when it is imported, as torch.optim does: the group's
    # threads would outlive it, and abort a process that ends while they release a tensor.
    import torch.distributed.nn  # noqa: F401 - imported before there is a group
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    group = ProcessGroup(_number("RANK", 0), size)
    with group._kept_together():
        store, _, _ = next(rendezvous("env://"))
        # torchrun may keep its store over a restart, with addresses of dead processes in it.
        own = PrefixStore(f"restart {_number('TORCHELASTIC_RESTART_COUNT', 0)}", store)
        dist.init_process_group(
            "gloo", store=own, rank=group.rank, world_size=size, timeout=PATIENCE
        )
    try:
        yield group
    finally:
        if group.is_complete and group.leads:
            group.broadcast_command(Command.END)
        dist.destroy_process_group()


def is_restart() -> bool:
    """Return whether torchrun started this process to replace one that died."""
    return _number("TORCHELASTIC_RESTART_COUNT", 0) > 0


def refuse(settings: Settings, group: ProcessGroup) -> None:
    """Raise InputError for settings that this process group can't train with."""
    if group.size > 1 and settings.engine != "fast":
        raise InputError(
            f"{group.size} processes share a training only with --engine fast, "
            f"got engine {settings.engine}"
        )
    if group.size > 1 and settings.drops:
        raise InputError(f"dropout needs a training in one process, got {group.size} processes")
    if settings.lanes < group.size:
        raise InputError(
            f"every process needs a lane: --lanes must be at least {group.size} for "
            f"{group.size} processes, got {settings.lanes}"
        )


def job() -> str | None:
    """Return a name of the torchrun that started this process, the same after a restart.

    None if torchrun didn't start it.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    # The ID alone may be torchrun's default; torchrun itself outlives its workers.
    return f"{os.environ['TORCHELASTIC_RUN_ID']} {socket.gethostname()} {os.getppid()}"


def _number(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else default
