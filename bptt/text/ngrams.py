"""N-gram models with interpolated modified Kneser-Ney smoothing.

V symbols, N characters of text. Index V, which no table contains, stands for a character outside
the vocabulary and for positions before the beginning of a text. An n-gram is stored as one
integer: its symbols are the digits to base V + 1, the last symbol the lowest digit.

Source: Chen and Goodman (1999), An Empirical Study of Smoothing Techniques for Language Modeling.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Integer
from numpy.lib.stride_tricks import sliding_window_view

# Discounts for an order whose counts of counts do not determine them, such as with few symbols
# that are all frequent: half of the smallest count that each discount is subtracted from.
UNDETERMINED = (0.5, 1.0, 1.5)


def discounts(counts: Integer[np.ndarray, " G"]) -> tuple[float, float, float]:
    """Return the discounts for counts of 1, of 2, and of 3 or more.

    Returns UNDETERMINED if one of the counts 1, 2 and 3 does not occur, or if a discount would not
    be positive: a context could then leave no probability to symbols that never followed it.
    """
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == count)) for count in (1, 2, 3, 4))
    if not (n1 and n2 and n3):
        return UNDETERMINED
    Y = n1 / (n1 + 2 * n2)
    D1, D2, D3 = 1 - 2 * Y * n2 / n1, 2 - 3 * Y * n3 / n2, 3 - 4 * Y * n4 / n3
    return (D1, D2, D3) if min(D1, D2, D3) > 0 else UNDETERMINED


@dataclass(frozen=True, slots=True)
class Order:
    """The tables for one length of n-grams: G n-grams in C contexts, both sorted.

    `kept` is each n-gram's discounted probability in its context; `passed_on` is the probability
    that each context leaves to the next lower order.
    """

    grams: Integer[np.ndarray, " G"]
    kept: Float[np.ndarray, " G"]
    contexts: Integer[np.ndarray, " C"]
    passed_on: Float[np.ndarray, " C"]

    @classmethod
    def from_counts(
        cls, grams: Integer[np.ndarray, " G"], counts: Integer[np.ndarray, " G"], base: int
    ) -> "Order":
        contexts, first, size = np.unique(grams // base, return_index=True, return_counts=True)
        total = np.add.reduceat(counts, first)
        taken = np.array((0.0, *discounts(counts)))[np.minimum(counts, 3)]
        kept = (counts - taken) / np.repeat(total, size)
        return cls(grams, kept, contexts, np.add.reduceat(taken, first) / total)


class KneserNey:
    """Predicts a character from the n - 1 before it; each order has its own discounts.

    The longest n-grams are counted as they occur, shorter ones by the number of different symbols
    that precede them. Every symbol has a positive probability: the distribution of single
    characters is interpolated with 1 / V.

    Example:
        model = KneserNey(training, vocab_size=V, n=5)
        bits = model.bits_per_character(test)
    """

    def __init__(self, training: Integer[np.ndarray, " N"], *, vocab_size: int, n: int) -> None:
        """Count the n-grams of the training text.

        Raises ValueError for a text shorter than n, an index outside 0..V-1, and n-grams that do
        not fit into 63 bits.
        """
        if n < 1 or len(training) < n:
            raise ValueError(
                f"n must be 1 to {len(training)} (the length of the training text), got {n}"
            )
        if (vocab_size + 1) ** n > 2**63:
            raise ValueError(f"{n}-grams of {vocab_size} symbols don't fit into 63 bits")
        _check(training, vocab_size - 1)
        self.vocab_size = vocab_size
        self.n = n
        base = vocab_size + 1
        longest, counts = np.unique(_packed(training, n, base), return_counts=True)
        orders = [Order.from_counts(longest, counts, base)]
        for length in range(n - 1, 0, -1):
            followed = np.unique(_packed(training, length + 1, base)) % base**length
            orders.append(Order.from_counts(*np.unique(followed, return_counts=True), base))
        self.orders = orders[::-1]

    def probabilities(self, text: Integer[np.ndarray, " N"]) -> Float[np.ndarray, " N"]:
        """Return the probability of each character given those before it; NaN for index V.

        A context that did not occur in training (such as one with index V, or one that begins
        before the text) is shortened from the left.
        """
        _check(text, self.vocab_size)
        before = np.full(self.n - 1, self.vocab_size)
        asked = self._ask(
            sliding_window_view(np.concatenate([before, text], dtype=np.int64), self.n)
        )
        return np.where(text == self.vocab_size, np.nan, asked)

    def distribution(self, context: Integer[np.ndarray, " N"]) -> Float[np.ndarray, " V"]:
        """Return the probability of each symbol after this context, which may have any length."""
        _check(context, self.vocab_size)
        V, last = self.vocab_size, self.n - 1
        windows = np.full((V, self.n), V)
        known = min(len(context), last)
        windows[:, last - known : last] = context[len(context) - known :]
        windows[:, last] = np.arange(V)
        return self._ask(windows)

    def bits_per_character(self, text: Integer[np.ndarray, " N"]) -> float:
        """Return the bits per character from the second character on, as for a network.

        Characters with index V are skipped. Raises ValueError if none is left.
        """
        scored = text[1:] != self.vocab_size
        if not scored.any():
            raise ValueError(
                "the text must have a character of the vocabulary after its first, "
                f"got {len(text)} characters without one"
            )
        return float(-np.log2(self.probabilities(text)[1:][scored]).mean())

    def _ask(self, windows: Integer[np.ndarray, "M n"]) -> Float[np.ndarray, " M"]:
        base = self.vocab_size + 1
        probability = np.full(len(windows), 1 / self.vocab_size)
        grams = np.zeros(len(windows), np.int64)
        for length, order in enumerate(self.orders, start=1):
            grams = windows[:, -length] * base ** (length - 1) + grams
            kept = _find(order.grams, order.kept, grams, missing=0.0)
            passed_on = _find(order.contexts, order.passed_on, grams // base, missing=1.0)
            probability = kept + passed_on * probability
        return probability


def _packed(text: Integer[np.ndarray, " N"], length: int, base: int) -> Integer[np.ndarray, " M"]:
    """Return the integer of each n-gram of the text."""
    grams = np.zeros(len(text) - length + 1, np.int64)
    for start in range(length):
        grams *= base
        grams += text[start : start + len(grams)].astype(np.int64)
    return grams


def _find(
    table: Integer[np.ndarray, " G"],
    values: Float[np.ndarray, " G"],
    keys: Integer[np.ndarray, " M"],
    missing: float,
) -> Float[np.ndarray, " M"]:
    places = np.minimum(np.searchsorted(table, keys), len(table) - 1)
    return np.where(table[places] == keys, values[places], missing)


def _check(text: Integer[np.ndarray, " N"], largest: int) -> None:
    outside = (text < 0) | (text > largest)
    if outside.any():
        position = int(np.argmax(outside))
        raise ValueError(
            f"indices must lie in 0..{largest}, got {text[position]} at position {position}"
        )
