"""Texts as indices: what stands in memory, in the cache or across a block's end is the same."""

import codecs
import hashlib
import io
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from bptt.errors import InputError
from bptt.text import cache as encoded_cache
from bptt.text import corpora, decoding
from bptt.text.decoding import characters
from bptt.text.encoded import Encoded, open_corpus, translated
from bptt.text.signatures import refuse_what_is_no_text
from reference import Vocabulary

ENCODINGS = ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "latin-1", "cp1252", "gb18030"]
CODE_POINTS = st.one_of(
    st.sampled_from("\r\n\r\nab"),
    st.characters(exclude_categories=["Cs"]),
    st.characters(min_codepoint=0x10000),
)
TEXTS = st.text(CODE_POINTS, min_size=1, max_size=60)
BLOCKS = st.integers(1, 7)


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BPTT_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("texts")


def opened(path: Path, encoding: str, units: decoding.Units, block: int, large: bool) -> Encoded:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "BLOCK", block)
        if large:
            patch.setattr(corpora, "IN_MEMORY", 0)
        return open_corpus(str(path), encoding, units)


def as_read(content: bytes, encoding: str) -> str:
    text = content.decode(encoding).removeprefix("\ufeff")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def is_no_text(content: bytes, encoding: str) -> bool:
    """Tell what its own tests are about: hypothesis knows the constants in the code and tries."""
    try:
        refuse_what_is_no_text(content, codecs.lookup(encoding).name, encoding, "here")
    except InputError:
        return True
    return False


def assert_is_text(encoded: Encoded, text: str) -> None:
    __tracebackhide__ = True
    vocabulary = Vocabulary.from_text(text)
    assert encoded.vocabulary == vocabulary
    np.testing.assert_array_equal(encoded.indices, vocabulary.encode(text))
    assert encoded.indices.dtype == np.min_scalar_type(len(vocabulary))
    assert type(encoded.indices) is np.ndarray
    assert not encoded.indices.flags.writeable


@given(text=TEXTS, encoding=st.sampled_from(ENCODINGS), block=BLOCKS)
def test_text_in_memory_or_mapped_is_what_the_vocabulary_makes_of_it(
    folder: Path, text: str, encoding: str, block: int
) -> None:
    content = text.encode(encoding, "replace")
    text = as_read(content, encoding)
    assume(text and not is_no_text(content, encoding))
    path = folder / "drawn.txt"
    path.write_bytes(content)
    for large in (False, True, True):  # encoded in memory, encoded into the cache, found there
        encoded = opened(path, encoding, "characters", block, large)
        assert_is_text(encoded, text)
        assert encoded.sha256 == hashlib.sha256(text.encode()).hexdigest()
        assert (encoded.name, encoded.source) == ("drawn", str(path.resolve()))
        assert (encoded.encoding, encoded.units) == (encoding, "characters")
    assert corpora.load(str(path), encoding).text == text


@given(content=st.binary(min_size=1, max_size=60), block=BLOCKS)
def test_bytes_are_symbols_as_they_stand(folder: Path, content: bytes, block: int) -> None:
    path = folder / "drawn.bin"
    path.write_bytes(content)
    for large in (False, True, True):
        encoded = opened(path, "klingon", "bytes", block, large)
        assert_is_text(encoded, content.decode("latin-1"))
        assert encoded.sha256 == hashlib.sha256(content).hexdigest()
        assert (encoded.encoding, encoded.units) == ("klingon", "bytes")


@given(content=st.binary(max_size=12), encoding=st.sampled_from(ENCODINGS), block=BLOCKS)
def test_undecodable_byte_is_named_wherever_blocks_end(
    content: bytes, encoding: str, block: int
) -> None:
    assume(not is_no_text(content, encoding))
    blocks = [content[start : start + block] for start in range(0, len(content), block)]
    try:
        text = as_read(content, encoding)
    except UnicodeDecodeError as error:
        # utf-8-sig counts from after its mark.
        start = len(content) - len(error.object) + error.start
        said = rf"^here is not {encoding}: byte 0x{content[start]:02x} at offset {start} \("
        for pieces in ([content], blocks):
            with pytest.raises(InputError, match=said):
                list(characters(pieces, encoding, "here"))
    else:
        assert "".join(characters(blocks, encoding, "here")) == text


@pytest.mark.parametrize(("symbols", "dtype"), [(255, np.uint8), (256, np.uint16), (65536, "u4")])
def test_indices_leave_room_for_what_is_unseen(symbols: int, dtype, tmp_path: Path) -> None:
    text = "".join(map(chr, range(0x10000, 0x10000 + symbols)))
    (tmp_path / "text.txt").write_text(text, encoding="utf-8")
    for large in (False, True, True):
        encoded = opened(tmp_path / "text.txt", "utf-8", "characters", 1000, large)
        assert encoded.indices.dtype == dtype
        np.testing.assert_array_equal(encoded.indices, np.arange(symbols))


@given(text=TEXTS, known=TEXTS, large=st.booleans())
def test_translation_reads_the_same_and_marks_what_is_lacking(
    text: str, known: str, large: bool
) -> None:
    symbols, vocabulary = Vocabulary.from_text(text), Vocabulary.from_text(known)
    indices = symbols.encode(text).astype(np.uint8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpora, "IN_MEMORY", 0 if large else 10**6)
        result = translated(indices, symbols, vocabulary)
    expected = [
        vocabulary.symbols.index(symbol) if symbol in vocabulary.symbols else len(vocabulary)
        for symbol in text
    ]
    np.testing.assert_array_equal(result, expected)
    if result is not indices:
        assert not result.flags.writeable
        assert result.dtype == np.min_scalar_type(len(vocabulary))
    assert translated(indices, symbols, symbols) is indices


def test_translation_leaves_nothing_in_the_cache_and_outlives_it(cache: Path, monkeypatch) -> None:
    monkeypatch.setattr(corpora, "IN_MEMORY", 0)
    before = sorted(cache.rglob("*"))
    result = translated(np.zeros(3_000_000, np.uint8), Vocabulary("a"), Vocabulary("ba"))
    assert sorted(cache.rglob("*")) == before
    assert (result == 1).all()
    assert len(result) == 3_000_000


def test_translation_refuses_indices_that_its_symbols_lack() -> None:
    with pytest.raises(IndexError):
        translated(np.array([0, 2], np.uint8), Vocabulary("ab"), Vocabulary("b"))


def test_built_in_corpus_and_standard_input_use_no_cache(cache: Path, monkeypatch) -> None:
    monkeypatch.setattr(corpora, "IN_MEMORY", 0)
    before = sorted(cache.rglob("*"))
    assert_is_text(open_corpus("python-docs"), corpora.load("python-docs").text)
    assert open_corpus("python-docs").sha256 == corpora.load("python-docs").sha256
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"to be\r\nor not")))
    encoded = open_corpus("-")
    assert (encoded.name, encoded.source) == ("standard input", "-")
    assert_is_text(encoded, "to be\nor not")
    assert sorted(cache.rglob("*")) == before


def test_pipe_is_read_once(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(corpora, "IN_MEMORY", 10)
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_text, args=("to be or not",))
    writer.start()
    assert_is_text(open_corpus(str(tmp_path / "pipe")), "to be or not")
    writer.join()


@pytest.mark.parametrize(
    ("source", "encoding", "said"),
    [
        ("nowhere.txt", "utf-8", "no file and no corpus is called 'nowhere.txt'"),
        ("a\0b", "utf-8", "no file and no corpus is called"),
        ("x" * 300, "utf-8", "can't read x*: File name too long"),
        (".", "utf-8", "can't read .: Is a directory"),
        ("/proc/self/mem", "utf-8", "can't read /proc/self/mem"),
        ("empty.txt", "utf-8", "expected some text, but .*empty.txt is empty"),
        ("mark.txt", "utf-8-sig", "expected some text, but .*mark.txt is empty"),
        ("latin.txt", "utf-8", "latin.txt is not utf-8: byte 0xe9 at offset 3 .*--encoding"),
        ("latin.txt", "ascii", "latin.txt is not ascii: byte 0xe9 at offset 3"),
        ("latin.txt", "utf-16", "latin.txt is not utf-16: byte 0x2e at offset 12"),
        ("latin.txt", "klingon", "no encoding is called 'klingon'"),
        ("latin.txt", "hex", "no encoding is called 'hex'"),
        ("latin.txt", "a\0b", "no encoding is called"),
        ("latin.txt", "", "no encoding is called ''"),
        ("latin.txt", "undefined", "latin.txt is not undefined"),
    ],
)
@pytest.mark.parametrize("large", [False, True])
def test_what_cannot_be_read_is_refused_and_not_kept(
    source: str, encoding: str, said: str, large: bool, cache: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_bytes(b"")
    Path("mark.txt").write_bytes(b"\xef\xbb\xbf")
    Path("latin.txt").write_bytes(b"caf\xe9 au lait.")
    before = sorted(cache.rglob("*"))
    with pytest.raises(InputError, match=said):
        opened(Path(source), encoding, "characters", 2, large)
    with pytest.raises(InputError, match=said):
        corpora.load(source, encoding)
    assert sorted(cache.rglob("*")) == before


@pytest.mark.parametrize("change", [b"z", b"ab", b"abcabcabc"])
def test_file_that_changes_while_it_is_encoded_is_refused(
    change: bytes, tmp_path: Path, monkeypatch
) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes(b"abcabc")
    monkeypatch.setattr(corpora, "IN_MEMORY", 0)

    def nothing_is_kept(key: encoded_cache.Key) -> None:
        path.write_bytes(change)

    monkeypatch.setattr(encoded_cache, "find", nothing_is_kept)
    with pytest.raises(InputError, match="changed while it was read"):
        open_corpus(str(path))
