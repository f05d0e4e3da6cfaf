"""What general compressors make of a text, as `xz -9e` and `bzip2 -9` write it.

A network has read the training text before it meets the other; a compressor gets the same start
where the bits of a text are what it *adds* to the compressed training text. That is the figure to
set beside a network's; alone, a short text also pays for learning its language. xz looks back
64 MiB, so it has the whole of a smaller training text at hand. bzip2 sorts blocks of 900 kB apart
from each other, so what it knows of the training text is only what shares the last block.
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
    """Bits per character that the text adds when it follows the training text.

    Raises ValueError for an empty text.
    """
    _check(text)
    before = encoded(training)
    added = len(compressor(before + encoded(text))) - len(compressor(before))
    return 8 * added / len(text)


def bits_alone(compressor: Compressor, text: str) -> float:
    """Bits per character of a file of its own, headers included. Raises as bits_added."""
    _check(text)
    return 8 * len(compressor(encoded(text))) / len(text)


def encoded(text: str) -> bytes:
    """In UTF-8, as it would be on disk; lone surrogates as three bytes."""
    return text.encode("utf-8", "surrogatepass")


def _check(text: str) -> None:
    if not text:
        raise ValueError("the text must have at least one character, got none")
