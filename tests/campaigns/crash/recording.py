"""Recording everything that a process does to a folder's disk, as operations on a model of it.

The model's nodes are files and folders, by number; a folder's entries are links to nodes. After the
recording the model must equal the folder on disk, so nothing that changed it can have been missed.
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bptt.runs import checkpoint
from bptt.runs import folder as run_folder
from bptt.training.base import Training

from .calls import watched

ROOT = 0  # the node of the folder itself


@dataclass(frozen=True)
class Link:
    """An entry is made or, with node None, removed; it belongs to its folder's metadata."""

    folder: int
    name: str
    node: int | None


@dataclass(frozen=True)
class Rename:
    """An entry is moved within a folder, atomically."""

    folder: int
    old: str
    new: str
    node: int


@dataclass(frozen=True)
class Write:
    node: int
    offset: int
    data: bytes


@dataclass(frozen=True)
class Truncate:
    node: int
    size: int


@dataclass(frozen=True)
class Flush:
    """fsync of a file (its content) or of a folder (its entries)."""

    node: int


@dataclass(frozen=True)
class Promise:
    """From here on a checkpoint of this iteration, or a later one, must be at this path."""

    path: str
    iteration: int


Operation = Link | Rename | Write | Truncate | Flush | Promise
Tree = dict[str, bytes | None]  # content by path relative to the folder; None for a folder


@dataclass
class Disk:
    """The model: entries of folders and contents of files, by node."""

    entries: dict[int, dict[str, int]] = field(default_factory=lambda: {ROOT: {}})
    contents: dict[int, bytes] = field(default_factory=dict)

    def copy(self) -> "Disk":
        entries = {node: dict(links) for node, links in self.entries.items()}
        return Disk(entries, dict(self.contents))

    def apply(self, operation: Operation) -> None:
        match operation:
            case Link(folder, name, None):
                self.entries[folder].pop(name, None)
            case Link(folder, name, int(node)):
                self.entries[folder][name] = node
            case Rename(folder, old, new, node):
                if self.entries[folder].get(old) == node:
                    del self.entries[folder][old]
                self.entries[folder][new] = node
            case Write(node, offset, data):
                before = self.contents[node].ljust(offset, b"\0")
                self.contents[node] = before[:offset] + data + before[offset + len(data) :]
            case Truncate(node, size):
                self.contents[node] = self.contents[node][:size].ljust(size, b"\0")

    def tree(self) -> Tree:
        """Return what somebody who reads the folder sees."""
        found: Tree = {}

        def look(node: int, path: str) -> None:
            for name, inner in self.entries[node].items():
                place = f"{path}{name}"
                if inner in self.entries:
                    found[place] = None
                    look(inner, f"{place}/")
                else:
                    found[place] = self.contents[inner]

        look(ROOT, "")
        return found


def read_tree(folder: Path) -> Tree:
    """Return a real folder as a tree."""
    return {
        str(path.relative_to(folder)): None if path.is_dir() else path.read_bytes()
        for path in sorted(folder.rglob("*"))
    }


@dataclass
class Recording:
    """The disk before, all of it flushed, and the operations in their order.

    Nodes that are made later are in it from the start: empty, and without an entry.
    """

    before: Disk
    operations: list[Operation]


@contextmanager
def recorded(folder: Path) -> Iterator[Recording]:
    """Record what the block does to a folder. Raises AssertionError if anything was missed."""
    recorder = _Recorder(folder)
    recording = Recording(recorder.disk.copy(), recorder.operations)
    with watched(folder, recorder), _promises(folder, recorder.operations):
        yield recording
    for node in recorder.disk.entries:
        recording.before.entries.setdefault(node, {})
    for node in recorder.disk.contents:
        recording.before.contents.setdefault(node, b"")
    missed = _differences(recorder.disk.tree(), read_tree(folder))
    assert not missed, f"changed behind the recorder's back: {missed}"


@contextmanager
def _promises(folder: Path, operations: list[Operation]) -> Iterator[None]:
    """Record a promise whenever a run folder has been made or its checkpoint saved."""
    save, create = checkpoint.save, run_folder.create

    def saved(path: Path, training: Training, *others: Any) -> None:
        save(path, training, *others)
        if path.name == "checkpoint.safetensors" and not _is_being_made(path):
            operations.append(Promise(str(path.relative_to(folder)), training.iteration))

    def created(path: Path, *others: Any) -> run_folder.RunFolder:
        made = create(path, *others)
        if not _is_being_made(path):
            operations.append(Promise(str(made.checkpoint.relative_to(folder)), 0))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checkpoint, "save", saved)
        patch.setattr(run_folder, "create", created)
        yield


def _is_being_made(path: Path) -> bool:
    return any(part.endswith(".partial") for part in path.parts)


def _differences(model: Tree, real: Tree) -> list[str]:
    return sorted(
        name for name in model.keys() | real.keys()
        if name not in model or name not in real or model[name] != real[name]
    )  # fmt: skip


class _Recorder:
    """Translates calls into operations, on nodes that are told apart by their inode numbers."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self.disk, self.operations = Disk(), list[Operation]()
        for name, content in read_tree(folder).items():
            parent, last = self._place(name)
            node = self._new(is_folder=content is None)
            self.disk.entries[parent][last] = node
            if content is not None:
                self.disk.contents[node] = content

    def _new(self, *, is_folder: bool) -> int:
        node = len(self.disk.entries) + len(self.disk.contents)
        if is_folder:
            self.disk.entries[node] = {}
        else:
            self.disk.contents[node] = b""
        return node

    def _place(self, relative: str) -> tuple[int, str]:
        *above, last = Path(relative).parts
        node = ROOT
        for name in above:
            node = self.disk.entries[node][name]
        return node, last

    def _find(self, path: str) -> tuple[int, str]:
        return self._place(os.path.relpath(path, self._folder))

    def _node(self, path: str) -> int:
        if path == self._folder:
            return ROOT
        parent, last = self._find(path)
        return self.disk.entries[parent][last]

    def before(self, name: str, path: str) -> None:
        pass

    def after(self, name: str, path: str, *details: Any) -> None:
        for operation in self._translated(name, path, details):
            self.disk.apply(operation)
            self.operations.append(operation)

    def _translated(self, name: str, path: str, details: tuple[Any, ...]) -> Iterator[Operation]:
        if name in ("open", "mkdir"):
            created, truncated = details if name == "open" else (True, False)
            if created:
                is_folder = stat.S_ISDIR(os.lstat(path).st_mode)
                yield Link(*self._find(path), self._new(is_folder=is_folder))
            elif truncated:
                yield Truncate(self._node(path), 0)
        elif name in ("unlink", "rmdir"):
            yield Link(*self._find(path), None)
        elif name == "rename":
            (folder, old), (other, new) = self._find(path), self._find(details[0])
            assert folder == other, f"{path} is moved to another folder, {details[0]}"
            yield Rename(folder, old, new, self._node(path))
        elif name == "write":
            yield Write(self._node(path), *details)
        elif name == "truncate":
            yield Truncate(self._node(path), *details)
        elif name == "fsync":
            yield Flush(self._node(path))
