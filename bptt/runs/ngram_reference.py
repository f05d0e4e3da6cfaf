"""What an n-gram model makes of a run's texts: lines on the card, to compare the network with."""

import numpy as np

from ..strict import Strict
from ..text.ngrams import KneserNey
from .data import Texts

ORDER = 5  # a 5-gram predicts a character from the four before it
LONGEST = 4_000_000  # symbols of all texts together; of more, counting would take too long


class NgramReference(Strict):
    """Bits per character of an n-gram model with modified Kneser-Ney smoothing.

    It is counted on the training text, and scores the same characters as the network.
    """

    n: int
    validation: float | None
    test: float | None

    @property
    def name(self) -> str:
        return f"{self.n}-gram, Kneser-Ney"


def of_texts(texts: Texts) -> NgramReference | None:
    """Count on the training text and score the others; None if there are none, or are too long.

    The order is ORDER, or less where the training text is shorter than that or where an n-gram of
    its alphabet doesn't fit into 63 bits.
    """
    held_out = {"validation": texts.validation, "test": texts.test}
    given = [one for one in (texts.train, *held_out.values()) if one is not None]
    if len(given) == 1 or sum(map(len, given)) > LONGEST:
        return None
    V = len(texts.vocabulary)
    n = max(n for n in range(1, ORDER + 1) if (V + 1) ** n <= 2**63 and n <= len(texts.train))
    model = KneserNey(texts.train.astype(np.int64), vocab_size=V, n=n)
    bits = {
        name: None if indices is None else model.bits_per_character(indices.astype(np.int64))
        for name, indices in held_out.items()
    }
    return NgramReference(n=n, **bits)
