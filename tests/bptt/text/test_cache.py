"""The cache of encoded texts: nothing in it is trusted, and nothing depends on it."""

import contextlib
import hashlib
import json
import os
import re
import resource
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt import files as durable
from bptt.text import corpora
from bptt.text.cache import Entry
from bptt.text.encoded import Encoded, open_corpus, translated
from reference import Vocabulary

TEXT = "She sells sea shells — by the sea shore.\n" * 20
CODES = sorted(map(ord, set(TEXT)))
OPEN = """
import sys, hashlib
from bptt.text import corpora
from bptt.text.encoded import open_corpus
corpora.IN_MEMORY = 0
encoded = open_corpus(sys.argv[1])
print(encoded.sha256, hashlib.sha256(encoded.indices.data).hexdigest(), encoded.indices.dtype)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("texts")
    (folder / "text.txt").write_text(TEXT, encoding="utf-8")
    return folder


@pytest.fixture(scope="module", autouse=True)
def cache(folder: Path) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BPTT_CACHE", str(folder / "cache"))
        patch.setattr(corpora, "IN_MEMORY", 0)
        yield folder / "cache/encoded"


def opened(folder: Path) -> Encoded:
    return open_corpus(str(folder / "text.txt"))


def files(cache: Path) -> tuple[Path, Path]:
    """The one entry's indices and JSON."""
    description, indices = sorted(cache.iterdir())
    assert (indices.suffix, description.suffix) == (".npy", ".json")
    return indices, description


def assert_right(encoded: Encoded) -> None:
    __tracebackhide__ = True
    assert encoded.vocabulary == Vocabulary.from_text(TEXT)
    assert encoded.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    np.testing.assert_array_equal(encoded.indices, encoded.vocabulary.encode(TEXT))
    assert not encoded.indices.flags.writeable


def test_second_time_the_text_is_neither_decoded_nor_written(
    folder: Path, cache: Path, monkeypatch
) -> None:
    assert_right(opened(folder))
    np.testing.assert_array_equal(np.load(files(cache)[0]), opened(folder).indices)
    monkeypatch.setattr("bptt.text.encoded._summary", None)
    monkeypatch.setattr(durable, "writing", None)
    assert_right(opened(folder))


@given(data=st.data())
def test_any_changed_byte_is_noticed(folder: Path, cache: Path, data: st.DataObject) -> None:
    opened(folder)
    damaged = data.draw(st.sampled_from(files(cache)))
    before = damaged.read_bytes()
    content = bytearray(before)
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    damaged.write_bytes(content)
    assert_right(opened(folder))
    assert damaged.read_bytes() == before


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def lengthened(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def removed(path: Path) -> None:
    path.unlink()


def other_format(path: Path) -> None:
    path.write_bytes(b"PK\x03\x04" + path.read_bytes()[4:])


def nested(path: Path) -> None:
    path.write_bytes(b"[" * 1_000_000)


def endless(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(10**12)


@pytest.mark.parametrize("which", [0, 1], ids=["indices", "json"])
@pytest.mark.parametrize(
    "damage", [truncated, emptied, lengthened, removed, other_format, nested, endless]
)
def test_damaged_entry_is_rebuilt(
    damage: Callable[[Path], None], which: int, folder: Path, cache: Path, capsys
) -> None:
    opened(folder)
    before = [file.read_bytes() for file in files(cache)]
    capsys.readouterr()
    damage(files(cache)[which])
    assert_right(opened(folder))
    assert [file.read_bytes() for file in files(cache)] == before
    said = capsys.readouterr().err
    assert said.startswith("note: the " + ("encoded text" if damage is removed else "cache entry"))
    assert said.count("\n") == 1 + (damage is not removed)


def test_what_is_left_in_the_cache_is_said_once(folder: Path, cache: Path, capsys) -> None:
    for file in cache.iterdir():
        file.unlink()
    assert_right(opened(folder))
    said = capsys.readouterr().err
    assert f"is kept in {cache}, 0 MB" in said
    assert "may be deleted at any time" in said
    assert_right(opened(folder))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "change",
    [
        {"key": {"raw": "of another"}},
        {"summary": {"symbols": [104, 101], "length": 820, "sha256": ""}},
        {"summary": {"symbols": list(range(300)), "length": 820, "sha256": ""}},
        {"summary": {"symbols": list(range(99)), "length": 10**30, "sha256": ""}},
        {"summary": {"symbols": [2**40], "length": 820, "sha256": ""}},
        {"summary": {"symbols": [], "length": 820, "sha256": ""}},
        {"summary": {"symbols": CODES[::-1], "length": 820, "sha256": ""}},
        {"summary": {"symbols": [*CODES[:-1], 2**21], "length": 820, "sha256": ""}},
        {"summary": {"symbols": [-1, *CODES[1:]], "length": 820, "sha256": ""}},
        {"indices": "0" * 64},
        {"more": 1},
    ],
    ids=str,
)
def test_entry_that_is_consistent_in_itself_but_wrong_is_rebuilt(
    change: dict, folder: Path, cache: Path, capsys
) -> None:
    opened(folder)
    path = files(cache)[1]
    entry = json.loads(path.read_text()) | change
    with contextlib.suppress(ValueError):
        entry = Entry.model_validate(entry).sealed().model_dump()
    path.write_text(json.dumps(entry))
    capsys.readouterr()
    assert_right(opened(folder))
    assert "note: the cache entry" in capsys.readouterr().err


def test_index_beyond_the_symbols_is_noticed(folder: Path, cache: Path, capsys) -> None:
    opened(folder)
    indices, description = files(cache)
    content = bytearray(indices.read_bytes())
    content[-5] = len(set(TEXT))
    indices.write_bytes(content)
    entry = Entry.model_validate_json(description.read_bytes())
    forged = entry.model_copy(update={"indices": hashlib.sha256(content).hexdigest()}).sealed()
    description.write_text(forged.model_dump_json())
    capsys.readouterr()
    assert_right(opened(folder))
    assert f"index {len(set(TEXT))} of {len(set(TEXT))}" in capsys.readouterr().err


def test_mapped_text_outlives_its_entry_and_its_repair(folder: Path, cache: Path) -> None:
    first = opened(folder)
    files(cache)[1].write_bytes(b"")
    assert_right(opened(folder))
    assert_right(first)
    for file in files(cache):
        file.unlink()
    assert_right(first)


@pytest.mark.parametrize("place", ["text.txt", "text.txt/inside", "/proc/nowhere", "/dev/null"])
def test_without_a_cache_folder_it_works_in_memory_and_says_so(
    place: str, folder: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("BPTT_CACHE", str(folder / place))
    encoded = opened(folder)
    assert_right(encoded)
    assert "note: can't keep the encoded text in" in capsys.readouterr().err
    result = translated(encoded.indices, encoded.vocabulary, Vocabulary("she"))
    assert (result == 0).sum() == TEXT.count("s")
    assert "note: can't keep the encoded text in" in capsys.readouterr().err


@contextlib.contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [0, 100, len(TEXT) - 1])
def test_full_disk_leaves_nothing_half_written(
    size: int, folder: Path, cache: Path, capsys
) -> None:
    for file in cache.iterdir() if cache.exists() else ():
        file.unlink()
    with files_of_at_most(size):
        encoded = opened(folder)
        result = translated(encoded.indices, encoded.vocabulary, Vocabulary("she"))
    assert_right(encoded)
    assert (result == 0).sum() == TEXT.count("s")
    assert not list(cache.iterdir())
    assert capsys.readouterr().err.count("File too large; it takes 0 MB of memory instead") == 2


@pytest.mark.parametrize("flushed", [0, 1], ids=["json", "indices"])
def test_disk_that_is_full_at_the_last_moment_leaves_nothing(
    flushed: int, folder: Path, cache: Path, monkeypatch, capsys
) -> None:
    for file in cache.iterdir():
        file.unlink()

    files_flushed = 0

    def full(descriptor: int) -> None:
        nonlocal files_flushed
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            files_flushed += 1
            if files_flushed > flushed:
                raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert_right(opened(folder))
    assert not list(cache.iterdir())
    assert "No space left on device; it takes 0 MB of memory instead" in capsys.readouterr().err


def test_dead_writers_files_are_removed_and_living_ones_are_not(folder: Path, cache: Path) -> None:
    opened(folder)
    for file in files(cache):
        file.unlink()
    dead, living = cache / "x.npy.0123.tmp", cache / "x.npy.4567.tmp"
    dead.touch()
    living.touch()
    os.utime(dead, (0, 0))
    opened(folder)
    assert not dead.exists()
    living.unlink()
    files(cache)


def test_processes_that_encode_one_text_at_once_do_not_meet(tmp_path: Path) -> None:
    text = "".join(map(chr, range(0x4E00, 0x9000))) * 30
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    command = [sys.executable, "-c", OPEN, "text.txt"]
    environment, pipe = os.environ | {"BPTT_CACHE": "cache"}, subprocess.PIPE
    started = [
        subprocess.Popen(
            command, cwd=tmp_path, env=environment, stdout=pipe, stderr=pipe, text=True
        )
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=60) for process in started]
    indices = Vocabulary.from_text(text).encode(text).astype(np.uint16)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    said = f"{sha256} {hashlib.sha256(indices.data).hexdigest()} uint16\n"
    assert [output for output, _ in outputs] == [said] * 4
    for _, errors in outputs:
        assert re.fullmatch("(note: the encoded text is kept .*\n)?", errors)
    assert len(list((tmp_path / "cache/encoded").iterdir())) == 2
