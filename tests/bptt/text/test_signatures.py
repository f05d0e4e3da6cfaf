"""Files that are no text in the encoding named: each is recognised, and the message says what."""

import bz2
import codecs
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bptt.errors import InputError
from bptt.text import corpora
from bptt.text.encoded import open_corpus

TEXT = "Der Nebel hing über der Mühle; nobody came, nobody left.\n" * 20


def zipped(content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("text.txt", content)
    return file.getvalue()


def in_a_tar(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        member = tarfile.TarInfo("text.txt")
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    return file.getvalue()


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "packed with gzip": gzip.compress,
    "packed with bzip2": bz2.compress,
    "packed with xz": lzma.compress,
    "a zip archive": zipped,
    "a tar archive": in_a_tar,
    "a PDF document": lambda content: b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + content,
    "a PNG picture": lambda content: b"\x89PNG\r\n\x1a\n" + content,
}


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "utf-16"])
@pytest.mark.parametrize("kind", PACKED)
def test_packed_file_is_named_in_every_encoding_and_read_as_bytes(
    kind: str, encoding: str, tmp_path: Path
) -> None:
    path, content = tmp_path / "text.txt", PACKED[kind](TEXT.encode())
    path.write_bytes(content)
    for read in (open_corpus, corpora.load):
        with pytest.raises(InputError, match=f"text.txt is {kind}.*--units bytes"):
            read(str(path), encoding)
    assert len(open_corpus(str(path), encoding, "bytes").indices) == len(content)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1", "cp1252", "ascii"])
@pytest.mark.parametrize("codec", ["utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["-le", "-be"])
@pytest.mark.parametrize("marked", [True, False])
def test_wide_encoding_is_named_and_the_advice_reads_the_text(
    codec: str, order: str, marked: bool, encoding: str, tmp_path: Path
) -> None:
    path = tmp_path / "text.txt"
    path.write_bytes((("\ufeff" if marked else "") + TEXT).encode(codec + order))
    said = f"{codec.upper()}.* not {encoding}: --encoding {codec}{'' if marked else order}$"
    with pytest.raises(InputError, match=said) as caught:
        open_corpus(str(path), encoding)
    advised = str(caught.value).rpartition(" ")[2]
    assert corpora.load(str(path), advised).text == TEXT


@pytest.mark.parametrize("encoding", ["latin-1", "cp1252", "gb18030"])
def test_marked_utf8_is_not_read_as_anything_else(encoding: str, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_bytes(codecs.BOM_UTF8 + TEXT.encode())
    with pytest.raises(InputError, match=f"is UTF-8, as .* not {encoding}: --encoding utf-8$"):
        open_corpus(str(tmp_path / "text.txt"), encoding)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32-be"])
def test_byte_order_mark_is_no_symbol(encoding: str, tmp_path: Path) -> None:
    for name, text in {"plain.txt": TEXT, "marked.txt": "\ufeff" + TEXT}.items():
        (tmp_path / name).write_bytes(text.encode(encoding))
    plain, marked = (open_corpus(str(tmp_path / f"{name}.txt"), encoding)
                     for name in ("plain", "marked"))  # fmt: skip
    assert marked.vocabulary == plain.vocabulary
    assert marked.sha256 == plain.sha256
    assert corpora.load(str(tmp_path / "marked.txt"), encoding).text == TEXT


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        (b"caf\xe9 au lait", "Convert it to utf-8$"),
        (codecs.BOM_UTF16_LE + b"a\0", "not utf-8: convert it to utf-8$"),
        (b"\x01\0\0\x80 \xff\xfe", "no text; bptt train --units bytes learns from any file"),
    ],
)
def test_advice_names_no_option_where_there_is_none(content: bytes, advice: str) -> None:
    with pytest.raises(InputError, match=advice):
        corpora.decode(content, "utf-8", "here")


@pytest.mark.parametrize("text", ["BZh, said the bee.", "PKs and other words", "%PD", "ustar"])
def test_text_that_begins_like_an_archive_is_text(text: str) -> None:
    assert corpora.decode(text.encode(), "utf-8", "here") == text
