"""Formats that a file's first bytes reveal: archives, documents, pictures, UTF-16 text."""

import codecs

from ..errors import InputError

HEAD = 512  # bytes that are checked

_PACKED = "unpack it first"
_DOCUMENT = "save its text first"
SIGNATURES = (  # offset, bytes, what it is, what to do
    (0, b"\x1f\x8b\x08", "packed with gzip", _PACKED),
    (0, b"BZh", "packed with bzip2", _PACKED),
    (0, b"\xfd7zXZ\0", "packed with xz", _PACKED),
    (0, b"\x28\xb5\x2f\xfd", "packed with zstd", _PACKED),
    (0, b"\x04\x22\x4d\x18", "packed with lz4", _PACKED),
    (0, b"PK\x03\x04", "a zip archive (or a .docx, .odt or .epub, which are such)", _PACKED),
    (0, b"PK\x05\x06", "an empty zip archive", _PACKED),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", _PACKED),
    (0, b"Rar!\x1a\x07", "a rar archive", _PACKED),
    (257, b"ustar", "a tar archive", _PACKED),
    (0, b"%PDF-", "a PDF document", _DOCUMENT),
    (0, b"{\\rtf", "an RTF document", _DOCUMENT),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "a document of an old office program", _DOCUMENT),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG picture", "name a text"),
    (0, b"\xff\xd8\xff", "a JPEG picture", "name a text"),
    (0, b"\x7fELF", "a program", "name a text"),
)
BZIP2_BLOCK = b"1AY&SY"  # a text may begin with BZh, too
MARKS = (  # the longer ones first: UTF-16's begins UTF-32's
    ("utf-32-le", codecs.BOM_UTF32_LE),
    ("utf-32-be", codecs.BOM_UTF32_BE),
    ("utf-16-le", codecs.BOM_UTF16_LE),
    ("utf-16-be", codecs.BOM_UTF16_BE),
    ("utf-8", codecs.BOM_UTF8),
)
SHORTEST = 32  # bytes; the positions of zeros in fewer say nothing
MANY, FEW = 0.7, 0.3  # fractions of zeros


def refuse_what_is_no_text(
    head: bytes, codec: str, encoding: str, name: str, fixed: bool = False
) -> None:
    """Raise InputError for a file that can't be text in this encoding, and say what it is.

    `head` is the file's beginning, `codec` Python's own name of the encoding, `encoding` the
    user's, who can choose another unless it is fixed.
    """
    for offset, signature, kind, advice in SIGNATURES:
        if head.startswith(signature, offset) and (
            signature != b"BZh" or head.startswith(BZIP2_BLOCK, 4)
        ):
            raise InputError(
                f"{name} is {kind}, not text: {advice}, or learn from its bytes: "
                "bptt train --units bytes"
            )
    marked = [kind for kind, mark in MARKS if head.startswith(mark)]
    if marked and not any(kind.startswith(codec.removesuffix("-sig")) for kind in marked):
        kind = marked[0] if marked[0] == "utf-8" else marked[0][:6]
        raise InputError(
            f"{name} is {kind.upper()}, as the byte order mark at its beginning says, "
            f"not {encoding}: {_advice(kind, encoding, fixed)}"
        )
    kind = _by_zeros(head)
    if kind is not None and not codec.startswith(("utf-16", "utf-32")):
        raise InputError(
            f"{name} seems to be {kind[:6].upper()} without a byte order mark, "
            f"not {encoding}: {_advice(kind, encoding, fixed)}"
        )


def _advice(kind: str, encoding: str, fixed: bool) -> str:
    return f"convert it to {encoding}" if fixed else f"--encoding {kind}"


def _by_zeros(head: bytes) -> str | None:
    """Return the wide encoding that the positions of zeros suggest in a mostly Western text."""
    if len(head) < SHORTEST:
        return None
    zeros = [head[place::4].count(0) / len(head[place::4]) for place in range(4)]
    full = [share > MANY for share in zeros]
    bare = [share < FEW for share in zeros]
    if full[2] and full[3] and bare[0]:
        return "utf-32-le"
    if full[0] and full[1] and bare[3]:
        return "utf-32-be"
    if full[1] and full[3] and bare[0] and bare[2]:
        return "utf-16-le"
    if full[0] and full[2] and bare[1] and bare[3]:
        return "utf-16-be"
    return None


def looks_binary(head: bytes) -> bool:
    """Return whether there are bytes that no text in a single-byte encoding has."""
    return any(byte < 32 and byte not in b"\t\n\v\f\r\x1b" for byte in head)
