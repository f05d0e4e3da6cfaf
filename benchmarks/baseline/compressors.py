"""Bits per character of general-purpose compressors: `xz -9e` and `bzip2 -9`.

A network has read the training text before it is evaluated on another. A compressor gets the same
advantage if the bits of a text are those it *adds* to the compressed training text: that is the
figure to compare with a network's. Compressed alone, a short text also pays for learning its
language. xz looks back 64 MiB and so uses the whole of a smaller training text. bzip2 compresses
blocks of 900 kB independently and so uses only the part of the training text in the last block.
"""

import bz2
import lzma
from collections.abc import Callable

Compressor = Callable[[bytes], bytes]


def xz(content: bytes) -> bytes:
    return lzma.compress(content, preset=9 | lzma.PRESET_EXTREME)


def bzip2(content: bytes) -> bytes:
    return bz2.compress(content, compresslevel=9)


def bits_added(compressor: Compressor, training: str, text: str) -> float:
    """Return the bits per character that the text adds to the compressed training text.

    Raises ValueError for an empty text.
    """
    _check(text)
    before = encoded(training)
    added = len(compressor(before + encoded(text))) - len(compressor(before))
    return 8 * added / len(text)


def bits_alone(compressor: Compressor, text: str) -> float:
    """Return the bits per character of the text compressed alone, with headers.

    Raises ValueError for an empty text.
    """
    _check(text)
    return 8 * len(compressor(encoded(text))) / len(text)


def encoded(text: str) -> bytes:
    """Return the text in UTF-8, as it would be on disk; lone surrogates take three bytes."""
    return text.encode("utf-8", "surrogatepass")


def _check(text: str) -> None:
    if not text:
        raise ValueError("the text must have at least one character, got none")
