"""Reading and decoding a text's bytes, one block at a time."""

import codecs
import io
import itertools
import sys
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from ..errors import InputError, explained
from .signatures import HEAD, looks_binary, refuse_what_is_no_text

Units = Literal["characters", "bytes"]

BLOCK = 2**20  # bytes
CODE_POINTS = 0x110000
ORDER_MARKS = {
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}
MARK = "\ufeff"  # of the byte order, decoded


@dataclass(frozen=True)
class RawText:
    """A text's bytes, which can be read repeatedly, with their encoding and units by default.

    The bytes are `content`, or the file at `path`, or `member` of that file if it is a zip archive.
    `sha256` is the file's, if it is known.
    """

    name: str
    source: str  # an absolute path, "-" or a corpus's name
    encoding: str
    units: Units = "characters"
    content: bytes | None = None
    path: Path | None = None
    member: str | None = None
    sha256: str | None = None
    given: str | None = None  # a file's path as its user wrote it, for messages

    @property
    def called(self) -> str:
        return self.name if self.given is None else self.given

    def blocks(self) -> Iterator[bytes]:
        """Yield blocks of at most BLOCK bytes. Raises InputError if they can't be read."""
        with self._explained(), self._open() as file:
            while block := file.read(BLOCK):
                yield block

    @contextmanager
    def _open(self) -> Iterator[BinaryIO]:
        if self.path is None:
            yield io.BytesIO(self.content or b"")
            return
        with self.path.open("rb") as file:
            if self.member is None:
                yield file
                return
            with zipfile.ZipFile(file) as archive, archive.open(self.member) as member:
                yield member  # pyright: ignore[reportReturnType] - reads as any file

    @contextmanager
    def _explained(self) -> Iterator[None]:
        path = self.path or Path(self.name)
        try:
            with explained("read", path):
                yield
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
            # RuntimeError: encrypted, or a compression that this Python lacks.
            raise InputError(f"{path} is not an intact zip archive: {error}") from error
        except KeyError as error:
            raise InputError(f"{path} must have {self.member} in it, but doesn't") from error


def characters(
    blocks: Iterable[bytes], encoding: str, name: str, *, fixed: bool = False
) -> Iterator[str]:
    """Decode blocks of bytes, without a byte order mark and with every line end as a line feed.

    `name` stands for the text in messages, which advise --encoding unless it is fixed. Raises
    InputError for a byte that can't be decoded, with its offset, for a file that isn't text but,
    say, a zip archive, and for an unknown encoding.
    """
    pieces = _decoded(blocks, encoding, name, fixed)
    for piece in pieces:
        if piece:
            yield piece.removeprefix(MARK)
            break
    yield from pieces


def _decoded(blocks: Iterable[bytes], encoding: str, name: str, fixed: bool) -> Iterator[str]:
    blocks, head = iter(blocks), b""
    while len(head) < HEAD and (block := next(blocks, b"")):
        head += block
    codec = _codec(encoding)
    refuse_what_is_no_text(head, codec, encoding, name, fixed)
    decoder = io.IncrementalNewlineDecoder(_decoder(codec, head), translate=True)
    read = 0
    try:
        for block in itertools.chain([head], blocks):
            read += len(block)
            yield decoder.decode(block)  # pyright: ignore[reportArgumentType] - bytes it is
        yield decoder.decode(b"", final=True)  # pyright: ignore[reportArgumentType]
    except UnicodeDecodeError as error:
        # error.object is the undecoded end of earlier blocks, followed by the last block.
        offset = read - len(error.object) + error.start
        advice = "Name the one that it was written in with --encoding, such as latin-1"
        if looks_binary(head):
            advice = "It seems to be no text; bptt train --units bytes learns from any file"
        elif fixed:
            advice = f"Convert it to {encoding}"
        raise InputError(
            f"{name} is not {encoding}: byte 0x{error.object[error.start]:02x} at offset "
            f"{offset} ({error.reason}). {advice}"
        ) from error
    except UnicodeError as error:
        raise InputError(f"{name} is not {encoding}: {error}") from error


def _codec(encoding: str) -> str:
    """Return Python's name of an encoding. Raises InputError if there is no such encoding."""
    try:
        io.TextIOWrapper(io.BytesIO(), encoding=encoding).detach()  # refuses what isn't for text
        return codecs.lookup(encoding).name
    except (LookupError, ValueError) as error:
        raise InputError(f"no encoding is called {encoding!r}") from error


def _decoder(codec: str, head: bytes) -> codecs.IncrementalDecoder:
    # Without a byte order mark, bytes.decode assumes the machine's order; these decoders raise.
    if codec in ORDER_MARKS and not head.startswith(ORDER_MARKS[codec]):
        codec += "-le" if sys.byteorder == "little" else "-be"
    return codecs.getincrementaldecoder(codec)()
