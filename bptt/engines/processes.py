"""The processes that torchrun started to train one network, and what they say to each other.

They know of each other by the environment that torchrun gives them; without it a process is alone.
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

# A process that dies is noticed at once, a machine that vanishes by torchrun. This is only for
# what neither sees; others wait so long while the first one validates or evaluates.
PATIENCE = timedelta(days=1)
COMPLAINT_BYTES = 1000


class Command(IntEnum):
    """What the leader tells the others to do."""

    END = 0  # there is nothing more to do
    BEGIN = 1  # make a training; the number is the length of the config that follows
    STATE = 2  # take over the leader's state, which follows
    STEP = 3  # take an iteration; the number is that of the rate's reductions


class LostError(InputError):
    """Another process of the group is gone."""


@dataclass
class Group:
    """Who takes part. The first process leads: what it tells, the others hear."""

    rank: int = 0
    size: int = 1
    is_complete: bool = field(default=True, init=False)

    @property
    def leads(self) -> bool:
        return self.rank == 0

    def shares(self, count: int, unit: int = 1) -> list[tuple[int, int]]:
        """Cut `count` things into a stretch for each process, (first, end), by whole units.

        Their lengths differ by at most a unit; later ones may be empty where things are few.
        """
        units = -(-count // unit)
        ends = [min(count, units * (rank + 1) // self.size * unit) for rank in range(self.size)]
        return list(zip([0, *ends], ends, strict=False))

    def broadcast(self, values: "Tensor") -> None:
        """Give the leader's values to everybody, in place."""
        if self.size > 1:
            import torch.distributed as dist

            sent = values.contiguous()
            with self._kept_together():
                dist.broadcast(sent, 0)
            if sent is not values:
                values.copy_(sent)

    def add_up(self, values: "Tensor") -> None:
        """Sum contiguous values over the processes, in place."""
        if self.size > 1:
            import torch.distributed as dist

            with self._kept_together():
                dist.all_reduce(values)

    def gather(self, mine: "Tensor", everybodys: "Tensor") -> None:
        """Put what each process has into its row of `everybodys`; all have as much."""
        import torch.distributed as dist

        with self._kept_together():
            dist.all_gather(list(everybodys.unbind()), mine)

    def tell(self, command: Command, number: int = 0) -> None:
        """Say what comes next; only the leader does, and the others `hear`."""
        if self.size > 1:
            import torch

            self.broadcast(torch.tensor([int(command), number]))

    def hear(self) -> tuple[Command, int]:
        import torch

        said = torch.zeros(2, dtype=torch.int64)
        self.broadcast(said)
        return Command(int(said[0])), int(said[1])

    def tell_text(self, command: Command, text: str) -> None:
        """Say what comes next together with a text: `hear` gives its length in bytes."""
        if self.size > 1:
            import torch

            content = text.encode()
            self.tell(command, len(content))
            self.broadcast(torch.frombuffer(bytearray(content), dtype=torch.uint8))

    def hear_text(self, length: int) -> str:
        import torch

        content = torch.zeros(length, dtype=torch.uint8)
        self.broadcast(content)
        return bytes(content.tolist()).decode()

    def agree(self, complaint: str | None) -> None:
        """Go on together or not at all: raises InputError everywhere where one complains."""
        if self.size > 1:
            import torch

            mine = torch.zeros(COMPLAINT_BYTES, dtype=torch.uint8)
            content = (complaint or "").encode()[:COMPLAINT_BYTES]
            mine[: len(content)] = torch.tensor(list(content), dtype=torch.uint8)
            everybodys = torch.zeros(self.size, COMPLAINT_BYTES, dtype=torch.uint8)
            self.gather(mine, everybodys)
            for rank, row in enumerate(everybodys):
                said = bytes(row.tolist()).rstrip(b"\0").decode(errors="replace")
                if said:
                    raise InputError(f"process {rank} of {self.size}: {said}")
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
                f"process {self.rank} of {self.size} lost touch with another one: {reason}"
            ) from error


ALONE = Group()


@contextmanager
def joined() -> Iterator[Group]:
    """Meet the other processes of this torchrun; at the end, the leader lets them go.

    Raises LostError where they don't come.
    """
    size = _number("WORLD_SIZE", 1)
    if size == 1:
        yield ALONE
        return
    import torch.distributed as dist

    # Its functions hold the group that there is when it's imported, which torch.optim does: the
    # group's threads would outlive it, and abort a process that ends while they let go of a tensor.
    import torch.distributed.nn  # noqa: F401 - imported before there is a group
    from torch.distributed.distributed_c10d import PrefixStore
    from torch.distributed.rendezvous import rendezvous

    group = Group(_number("RANK", 0), size)
    with group._kept_together():
        store, _, _ = next(rendezvous("env://"))
        # torchrun may keep its store over a restart, with the addresses of the dead in it.
        own = PrefixStore(f"restart {_number('TORCHELASTIC_RESTART_COUNT', 0)}", store)
        dist.init_process_group(
            "gloo", store=own, rank=group.rank, world_size=size, timeout=PATIENCE
        )
    try:
        yield group
    finally:
        if group.is_complete and group.leads:
            group.tell(Command.END)
        dist.destroy_process_group()


def is_restart() -> bool:
    """Whether torchrun started this process in the place of one that died."""
    return _number("TORCHELASTIC_RESTART_COUNT", 0) > 0


def refuse(settings: Settings, group: Group) -> None:
    """Raises InputError for a training that several processes can't share."""
    if group.size > 1 and settings.engine != "fast":
        raise InputError(
            f"{group.size} processes share a training only with --engine fast, "
            f"got engine {settings.engine}"
        )
    if settings.lanes < group.size:
        raise InputError(
            f"every process needs a lane: --lanes must be at least {group.size} for "
            f"{group.size} processes, got {settings.lanes}"
        )


def job() -> str | None:
    """Name the torchrun that started this process, the same after a restart; None without one."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        return None
    # The name alone may be everybody's default; torchrun itself outlives its workers.
    return f"{os.environ['TORCHELASTIC_RUN_ID']} {socket.gethostname()} {os.getppid()}"


def _number(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    return int(value) if value.isdecimal() else default
