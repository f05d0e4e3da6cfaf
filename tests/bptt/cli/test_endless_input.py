"""Texts without an end, and more than memory holds, are refused in words."""

import os
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from bptt import memory
from bptt.text import corpora

from ...program import TEXT, assert_refused, bptt


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text(TEXT)
    return tmp_path


@pytest.mark.parametrize(
    "arguments", [["train", "-"], ["lockstep", "-"], ["train", "pipe"]], ids=" ".join
)
def test_text_without_an_end_is_refused(
    arguments: list[str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available", lambda: 4000.0)
    os.mkfifo(folder / "pipe")
    writer = threading.Thread(target=write_much, args=[folder / "pipe"], daemon=True)
    writer.start()
    done = bptt(*arguments, folder=folder, stdin=b"over and over " * 100)
    assert_refused(done, "doesn't end after 0.0 GB", "must be in a file")
    if "pipe" not in arguments:
        (folder / "pipe").open("rb").close()
    writer.join()


def write_much(pipe: Path) -> None:
    with pipe.open("wb", buffering=0) as file, suppress(BrokenPipeError):
        file.write(b"over and over " * 2_000_000)


@pytest.mark.parametrize(
    "error", [MemoryError(), MemoryError("Unable to allocate 3 GB")], ids=["silent", "numpy's"]
)
def test_lack_of_memory_is_said_in_words(
    error: MemoryError, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object) -> None:
        raise error

    monkeypatch.setattr(corpora, "find", fail)
    done = bptt("train", "text.txt", folder=folder)
    assert_refused(done, f"not enough memory: {str(error) or 'try a smaller text or network'}")
