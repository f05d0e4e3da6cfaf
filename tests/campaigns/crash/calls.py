"""Watching, or failing, every call by which this process changes files below a folder.

The calls are replaced in Python: those of `os`, `io.open` with everything written through the
file it returns, and `mmap.mmap`. What a C or Rust library writes by itself is not seen; whoever
relies on that compares the recorded files with those on disk (see recording.py).
"""

import builtins
import io
import mmap
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest

TEMPORARY_FILE = getattr(os, "O_TMPFILE", 0)  # without a name, so that no crash shows it


class Watcher(Protocol):
    """Is asked before each call and told after it; `before` may raise OSError instead."""

    def before(self, name: str, path: str) -> None: ...

    def after(self, name: str, path: str, *details: Any) -> None: ...


@contextmanager
def watched(root: Path, watcher: Watcher) -> Iterator[None]:
    """Tell the watcher of every call on a path below `root` while the block is executed.

    The names of calls are open, read, write, truncate, close, fsync, rename, unlink, mkdir, rmdir,
    stat and mmap. The details are, after open: whether it created or truncated a file; after write:
    offset and bytes; after truncate: the size; after rename: the new path.
    """
    with pytest.MonkeyPatch.context() as patch:
        _Calls(root, watcher).replace_in(patch)
        yield


class _Calls:
    def __init__(self, root: Path, watcher: Watcher) -> None:
        self._root, self._watcher = str(root), watcher

    def replace_in(self, patch: pytest.MonkeyPatch) -> None:
        for name in ("replace", "rename"):
            patch.setattr(os, name, self._renaming(getattr(os, name)))
        for name, call in (("unlink", "unlink"), ("remove", "unlink"), ("rmdir", "rmdir"),
                           ("mkdir", "mkdir"), ("stat", "stat")):  # fmt: skip
            patch.setattr(os, name, self._of_a_path(call, getattr(os, name)))
        for name, call in (("fsync", "fsync"), ("ftruncate", "truncate")):
            patch.setattr(os, name, self._of_a_descriptor(call, getattr(os, name)))
        patch.setattr(os, "write", self._writing(os.write))
        patch.setattr(os, "open", self._opening(os.open))
        patch.setattr(mmap, "mmap", self._mapping(mmap.mmap))
        opening = self._opening_files(io.open)
        patch.setattr(io, "open", opening)
        patch.setattr(builtins, "open", opening)

    def _below(self, path: Any, dir_fd: int | None = None) -> str | None:
        """Return the absolute path if it is the root or lies below it."""
        if isinstance(path, int):
            path = _path_of(path)
        elif dir_fd is not None:
            path = _path_of(dir_fd) / os.fspath(path)
        absolute = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - Path's would be watched
        inside = absolute == self._root or absolute.startswith(self._root + os.sep)
        return absolute if inside else None

    def _of_a_path(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def done(path: Any, *given: Any, **named: Any) -> Any:
            place = self._below(path, named.get("dir_fd"))
            if place is None:
                return call(path, *given, **named)
            self._watcher.before(name, place)
            result = call(path, *given, **named)
            self._watcher.after(name, place)
            return result

        return done

    def _of_a_descriptor(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def done(descriptor: int, *given: Any) -> Any:
            place = self._below(descriptor)
            if place is None:
                return call(descriptor, *given)
            self._watcher.before(name, place)
            result = call(descriptor, *given)
            self._watcher.after(name, place, *given)
            return result

        return done

    def _renaming(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def done(source: Any, target: Any) -> None:
            before, after = self._below(source), self._below(target)
            if before is None or after is None:
                return call(source, target)
            self._watcher.before("rename", before)
            call(source, target)
            return self._watcher.after("rename", before, after)

        return done

    def _writing(self, call: Callable[..., int]) -> Callable[..., int]:
        def done(descriptor: int, data: Any) -> int:
            place = self._below(descriptor)
            if place is None:
                return call(descriptor, data)
            self._watcher.before("write", place)
            offset = os.lseek(descriptor, 0, os.SEEK_CUR)
            written = call(descriptor, data)
            self._watcher.after("write", place, offset, bytes(data)[:written])
            return written

        return done

    def _opening(self, call: Callable[..., int]) -> Callable[..., int]:
        def done(path: Any, flags: int, *given: Any, **named: Any) -> int:
            place = self._below(path, named.get("dir_fd"))
            if place is None or (TEMPORARY_FILE and flags & TEMPORARY_FILE == TEMPORARY_FILE):
                return call(path, flags, *given, **named)
            self._watcher.before("open", place)
            existed = os.path.lexists(place)
            descriptor = call(path, flags, *given, **named)
            self._watcher.after("open", place, not existed, bool(flags & os.O_TRUNC))
            return descriptor

        return done

    def _mapping(self, kind: type[mmap.mmap]) -> type[mmap.mmap]:
        below, watcher = self._below, self._watcher

        class Mapping(kind):
            def __new__(cls, descriptor: int, *given: Any, **named: Any) -> "Mapping":
                place = below(descriptor)
                if place is not None:
                    watcher.before("mmap", place)
                return super().__new__(cls, descriptor, *given, **named)

        return Mapping

    def _opening_files(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def opened(
            file: Any,
            mode: str = "r",
            buffering: int = -1,
            encoding: str | None = None,
            errors: str | None = None,
            newline: str | None = None,
            closefd: bool = True,
            opener: Any = None,
        ) -> Any:
            place = None if isinstance(file, int) or opener is not None else self._below(file)
            if place is None:
                return call(file, mode, buffering, encoding, errors, newline, closefd, opener)
            raw = _WatchedFile(file, mode.replace("b", "").replace("t", ""), self._watcher, place)
            if buffering == 0:
                return raw
            if "+" in mode:
                buffered: Any = io.BufferedRandom(raw)
            else:
                buffered = io.BufferedReader(raw) if "r" in mode else io.BufferedWriter(raw)
            return (
                buffered if "b" in mode else io.TextIOWrapper(buffered, encoding, errors, newline)
            )

        return opened


def _path_of(descriptor: int) -> Path:
    return Path(f"/proc/self/fd/{descriptor}").readlink()


class _WatchedFile(io.FileIO):
    def __init__(self, file: Any, mode: str, watcher: Watcher, path: str) -> None:
        watcher.before("open", path)
        existed = os.path.lexists(path)
        super().__init__(file, mode)
        self._watcher, self._path, self._appends = watcher, path, "a" in mode
        watcher.after("open", path, not existed, "w" in mode)

    def readinto(self, buffer: Any) -> int | None:
        self._watcher.before("read", self._path)
        return super().readinto(buffer)

    def readall(self) -> bytes:
        self._watcher.before("read", self._path)
        return super().readall()

    def write(self, data: Any) -> int:
        self._watcher.before("write", self._path)
        offset = os.fstat(self.fileno()).st_size if self._appends else self.tell()
        written = super().write(data)
        self._watcher.after("write", self._path, offset, bytes(data)[:written])
        return written

    def truncate(self, size: int | None = None) -> int:
        self._watcher.before("truncate", self._path)
        result = super().truncate(size)
        self._watcher.after("truncate", self._path, result)
        return result

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._watcher.before("close", self._path)  # a failing close closes all the same
