"""Every state in which a crash may leave the disk, given what a process did to it.

A crash may come after any operation. What a flush (fsync) covered is on the disk then: a file's
content by a flush of the file, a folder's entries by one of the folder. Of everything else any part
may be there, in any order: POSIX promises no more, so files' contents and folders' entries need not
get to the disk in the order in which they were changed, nor does a flushed file have an entry. Only
an entry is whole: a rename happened or did not.

An unflushed write may be missing, torn (after its first byte, in its middle, before its last one),
or be zeros of its length (the file's size got to the disk and its content did not); one before it
may be missing. Where these combine to more than MOST states after one operation, that many are
drawn, with a fixed seed.
"""

import hashlib
import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from .recording import (
    Disk,
    Flush,
    Link,
    Operation,
    Promise,
    Recording,
    Rename,
    Tree,
    Truncate,
    Write,
)

MOST = 256  # states after one operation
MOST_SUBSETS = 6  # entries changed and not flushed, up to which each subset is tried


@dataclass(frozen=True)
class Crash:
    """A state of the disk after a crash.

    `after` is the number of operations begun before it; `promised` says which iteration's
    checkpoint must be there, by path.
    """

    after: int
    tree: Tree
    promised: dict[str, int]


def crashes(recording: Recording, most: int = MOST) -> Iterator[Crash]:
    """Yield every different state once, and again where more was promised when it arose."""
    seen: dict[bytes, dict[str, int]] = {}
    promised: dict[str, int] = {}
    flushed, pending = recording.before.copy(), list[Operation]()
    for after, operation in enumerate([None, *recording.operations]):
        if isinstance(operation, Flush):
            pending = _flush(flushed, pending, operation.node)
        elif isinstance(operation, Promise):
            promised = {**promised, operation.path: operation.iteration}
        elif operation is not None:
            pending.append(operation)
        for tree in _possible(flushed, pending, random.Random(after), most):
            digest = _digest(tree)
            if seen.get(digest) != promised:
                seen[digest] = promised
                yield Crash(after, tree, promised)


def _flush(disk: Disk, pending: list[Operation], node: int) -> list[Operation]:
    """Bring a node's operations to the disk; return those that still are not there."""
    for one in pending:
        if _node(one) == node:
            disk.apply(one)
    return [one for one in pending if _node(one) != node]


def _node(operation: Operation) -> int:
    """Return the node whose flush covers the operation."""
    assert not isinstance(operation, Promise)
    return operation.folder if isinstance(operation, Link | Rename) else operation.node


def _possible(
    flushed: Disk, pending: list[Operation], rng: random.Random, most: int
) -> Iterator[Tree]:
    entries: list[Operation] = [one for one in pending if isinstance(one, Link | Rename)]
    contents: dict[int, list[Write | Truncate]] = {}
    for one in pending:
        if isinstance(one, Write | Truncate):
            contents.setdefault(one.node, []).append(one)
    choices = [_subsets(entries, rng), *(_persisted(ones) for ones in contents.values())]
    total = 1
    for choice in choices:
        total *= len(choice)
    if total <= most:
        chosen: Iterator[tuple[list[Operation], ...]] = itertools.product(*choices)
    else:
        extremes = [tuple(c[0] for c in choices), tuple(c[-1] for c in choices)]
        drawn = (tuple(rng.choice(c) for c in choices) for _ in range(most - 2))
        chosen = itertools.chain(extremes, drawn)
    for parts in chosen:
        disk = flushed.copy()
        for part in parts:
            for one in part:
                disk.apply(one)
        yield disk.tree()


def _subsets(entries: list[Operation], rng: random.Random) -> list[list[Operation]]:
    """Return the subsets of changes of entries, each in order; some of them if there are many."""
    if len(entries) <= MOST_SUBSETS:
        return [
            list(some)
            for size in range(len(entries) + 1)
            for some in itertools.combinations(entries, size)
        ]
    prefixes = [list[Operation](entries[:end]) for end in range(len(entries) + 1)]
    without_one = [list[Operation](entries[:i] + entries[i + 1 :]) for i in range(len(entries))]
    drawn = [[one for one in entries if rng.random() < 0.5] for _ in range(2**MOST_SUBSETS)]
    return [*prefixes, *without_one, *drawn]


def _persisted(ones: list[Write | Truncate]) -> list[list[Operation]]:
    """Return what may have become of a file's unflushed writes, from none of them to all."""
    found: list[list[Operation]] = [[]]
    for end, last in enumerate(ones):
        before: list[Operation] = list(ones[:end])
        if isinstance(last, Write):
            length = len(last.data)
            for cut in sorted({1, length // 2, length - 1} & set(range(1, length))):
                found.append([*before, Write(last.node, last.offset, last.data[:cut])])
            found.append([*before, Write(last.node, last.offset, bytes(length))])
        if end < len(ones) - 1:
            found.append([*before, *ones[end + 1 :]])
        found.append([*before, last])
    return found


def _digest(tree: Tree) -> bytes:
    digest = hashlib.sha256()
    for name in sorted(tree):
        content = tree[name]
        digest.update(f"{name}\0{-1 if content is None else len(content)}\0".encode())
        digest.update(content or b"")
    return digest.digest()
