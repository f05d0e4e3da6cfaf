# pyright: reportCallIssue=false
# An intrinsic's first parameter, its typing context, is numba's to pass.
"""Threefry gives its authors' words, and vectors of multipliers those of single words."""

import numpy as np
import pytest

from torch_impl.kernels.compiled import kernel
from torch_impl.kernels.threefry import multipliers, words
from torch_impl.kernels.vectors import store, vector_length

from ..fast.masks import threefry

# Key, counter and words of the known answers in Random123 (kat_vectors, threefry2x32, 20 rounds).
KNOWN = [
    ((0, 0), (0, 0), (0x6B200159, 0x99BA4EFE)),
    ((0xFFFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF), (0x1CB996FC, 0xBB002BE7)),
    ((0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3), (0xC4923A9C, 0x483DF7A0)),
]


@kernel
def one_call(key, first, second):
    return words(key, first, second)


@kernel
def row_of(out, key, first, threshold, scale):
    for i in range(0, out.shape[1], vector_length(out)):
        low, high = multipliers(out, key, first + i, threshold, scale)
        store(out, 0, i, low)
        store(out, 1, i, high)


def joined(low: int, high: int) -> int:
    """The signed 64 bits that hold two words."""
    return int.from_bytes((low | high << 32).to_bytes(8, "little"), "little", signed=True)


@pytest.mark.parametrize(("key", "counter", "expected"), KNOWN)
def test_words_are_those_that_the_authors_publish(key, counter, expected) -> None:
    assert one_call(joined(*key), *counter) == joined(*expected)
    assert threefry(key, counter) == expected


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("threshold", [0, 1, 2**31, 2**32 - 1])
def test_a_multiplier_is_zero_where_the_word_is_below_the_threshold(threshold, dtype) -> None:
    key, first, out = (2**31 + 7, 2**32 - 3), 2**32 - 50, np.ones((2, 128), dtype)
    row_of(out, joined(*key), first, threshold, 2.5)
    found = threefry(key, ((first + np.arange(128)) % 2**32, 0))
    np.testing.assert_array_equal(out, [np.where(word < threshold, 0.0, 2.5) for word in found])
