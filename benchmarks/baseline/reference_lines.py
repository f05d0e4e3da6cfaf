"""The rows of the table without a network: n-grams and compressors on a corpus."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from jaxtyping import Int

from bptt.text.ngrams import KneserNey
from reference import Vocabulary

from . import compressors

# All with modified Kneser-Ney smoothing; an order is the number of characters in the context.
NGRAMS = {"order 0": 1, "order 1": 2, "order 2": 3, "5-gram": 5, "7-gram": 7}
COMPRESSORS = {"xz -9e": compressors.xz, "bzip2 -9": compressors.bzip2}


@dataclass(frozen=True, slots=True)
class Line:
    """Bits per character of the validation and test text (None: no test text)."""

    name: str
    validation: float
    test: float | None


def reference_lines(training: str, validation: str, test: str | None = None) -> Iterator[Line]:
    """Evaluate each method on the texts, each given the training text only.

    N-grams skip characters that the training text lacks, as a network must; a compressor encodes
    them, too. "alone" means a compressor without the training text.
    """
    vocabulary = Vocabulary.from_text(training)
    counted = _encode(training, vocabulary)
    for name, n in NGRAMS.items():
        model = KneserNey(counted, vocab_size=len(vocabulary), n=n)

        def bits(text: str, model: KneserNey = model) -> float:
            return model.bits_per_character(_encode(text, vocabulary))

        yield _line(name, bits, validation, test)
    for name, compressor in COMPRESSORS.items():
        added = partial(compressors.bits_added, compressor, training)
        alone = partial(compressors.bits_alone, compressor)
        yield _line(name, added, validation, test)
        yield _line(f"{name}, alone", alone, validation, test)


def _line(name: str, bits: Callable[[str], float], validation: str, test: str | None) -> Line:
    return Line(name, bits(validation), None if test is None else bits(test))


def _encode(text: str, vocabulary: Vocabulary) -> Int[np.ndarray, " N"]:
    """Return indices, V for characters outside the vocabulary."""
    index = {symbol: place for place, symbol in enumerate(vocabulary.symbols)}
    return np.fromiter((index.get(symbol, len(index)) for symbol in text), np.int64, len(text))
