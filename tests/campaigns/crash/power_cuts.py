"""Power cuts: every state of the disk that one may leave, and what a resumed run makes of it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bptt.errors import InputError
from bptt.runs import checkpoint
from bptt.runs.folder import RunFolder

from .recording import Tree, read_tree, recorded
from .scenarios import Scenario, put, quietly, results
from .states import MOST, Crash, crashes


@dataclass(frozen=True)
class Loss:
    """A state of the disk from which the scenario did not end as if nothing had happened."""

    crash: Crash
    said: str


@dataclass
class Tried:
    """How many states were tried, and those from which something was lost."""

    scenario: str
    operations: int = 0
    states: int = 0
    losses: list[Loss] = field(default_factory=list)


def power_cuts(scenario: Scenario, folder: Path, most: int = MOST, every: int = 1) -> Tried:
    """Cut the power at every point of a scenario and recover; try every n-th state of the disk."""
    quietly(scenario.prepare, folder)
    before = read_tree(folder)
    with recorded(folder) as recording:
        quietly(scenario.act, folder)
    expected = results(folder)
    tried = Tried(scenario.name, operations=len(recording.operations))
    for number, crash in enumerate(crashes(recording, most)):
        if number % every == 0:
            tried.states += 1
            put(crash.tree, folder)
            said = _broken(crash, folder) or _lost(scenario, folder, expected)
            if said:
                tried.losses.append(Loss(crash, said))
    put(before, folder)
    return tried


def _broken(crash: Crash, folder: Path) -> str:
    """Return which promise of a checkpoint the state breaks; "" if none."""
    for path, iteration in crash.promised.items():
        try:
            run = RunFolder((folder / path).parent)
            header, _ = checkpoint.load(run.checkpoint, run.read_config())
        except InputError as error:
            return f"the checkpoint of iteration {iteration} is lost: {error}"
        if header.iteration < iteration:
            return f"the checkpoint is of iteration {header.iteration}, not of {iteration}"
    return ""


def _lost(scenario: Scenario, folder: Path, expected: dict[str, object]) -> str:
    """Return what is wrong after recovering from a state; "" if nothing is."""
    try:
        quietly(scenario.recover, folder)
    except (Exception, SystemExit) as error:
        return f"{type(error).__name__}: {error}"
    found = results(folder)
    different = [
        name for name in sorted(found.keys() | expected.keys())
        if name not in found or name not in expected or found[name] != expected[name]
    ]  # fmt: skip
    return f"other content: {', '.join(different)}" if different else ""


def described(loss: Loss, before: Tree) -> Iterator[str]:
    """Yield lines about a state: its files, with how many bytes they have."""
    yield f"after {loss.crash.after} operations: {loss.said}"
    for name, content in sorted(loss.crash.tree.items()):
        if content is not None and content != before.get(name):
            yield f"    {name}: {len(content)} bytes"
