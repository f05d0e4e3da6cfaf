"""Tell whether a gradient was rounded to a dtype with fewer digits than its own in between."""

import numpy as np

BITS = {"bfloat16": 8, "float16": 11, "float32": 24}  # of the significand
SMALLEST = {"bfloat16": 1.2e-38, "float16": 6.2e-5, "float32": 1.2e-38}  # below, bits are lost
LOST_BITS = 24  # in all entries together; by chance, they are all zero once in 2^24


def coarser_dtype(computed: np.ndarray, exact: np.ndarray, dtype: str) -> str:
    """Return the coarser dtype that all of a gradient's entries are numbers of; "" without one.

    What counts are entries that are no numbers of it when they are rounded correctly, and whose
    digits differ.
    """
    due = rounded(exact, BITS[dtype])
    for name, bits in BITS.items():
        if bits >= BITS[dtype]:
            return ""
        told = (rounded(due, bits) != due) & (np.abs(due) >= SMALLEST[dtype])
        digits = np.unique(np.frexp(np.abs(due[told]))[0])
        enough = len(digits) * (BITS[dtype] - bits) >= LOST_BITS
        if enough and (rounded(computed, bits) == computed)[told].all():
            return name
    return ""


def rounded(values: np.ndarray, bits: int) -> np.ndarray:
    """Round to a significand of some bits, without a limit of the exponent."""
    fraction, exponent = np.frexp(values)
    return np.ldexp(np.rint(np.ldexp(fraction, bits)), exponent - bits)
