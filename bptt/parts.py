"""A run's texts: one stretch to learn from, one to be watched by, one kept for the end.

N characters of text, V symbols.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt

from reference import Vocabulary

from .config import Config, CorpusRecord, Part, Parts
from .encoded import STEP, Encoded, open_corpus, translated
from .encoded_cache import release
from .errors import InputError
from .settings import Settings, shares


@dataclass(frozen=True)
class Texts:
    """Indices in the run's vocabulary; in validation and test, V stands for what it lacks."""

    vocabulary: Vocabulary
    train: UInt[np.ndarray, " N"]
    validation: UInt[np.ndarray, " M"] | None
    test: UInt[np.ndarray, " K"] | None


def divide(text: Encoded, settings: Settings) -> Parts:
    """Cut the text from its beginning, or take the files that are named.

    Raises InputError where a part that was asked for gets nothing.
    """
    if settings.validation_file is not None:
        whole = Part(start=0, length=len(text.indices))
        return Parts(
            train=whole,
            validation=_whole(settings.validation_file, settings),
            test=None if settings.test_file is None else _whole(settings.test_file, settings),
        )
    N, start, parts = len(text.indices), 0, []
    wanted = shares(settings.split)
    for name, share, until in zip(Parts.model_fields, wanted, np.cumsum(wanted), strict=True):
        end = round(N * float(until))
        if share > 0 and end == start:
            raise InputError(
                f"--split {settings.split} leaves nothing of {text.name}'s {N} {text.units} "
                f"for {name}; --split all trains on the whole text"
            )
        parts.append(Part(start=start, length=end - start) if share > 0 else None)
        start = end
    train, validation, test = parts
    return Parts(train=train, validation=validation, test=test)


def _whole(source: str, settings: Settings) -> Part:
    other = open_corpus(source, settings.encoding, settings.units)
    return Part(start=0, length=len(other.indices), corpus=CorpusRecord.of(other))


def vocabulary_of(text: Encoded, part: Part) -> Vocabulary:
    """Every symbol that occurs in the part, in the text's order."""
    used = np.zeros(len(text.vocabulary), bool)
    end = part.start + part.length
    for start in range(part.start, end, STEP):
        stretch = text.indices[start : min(start + STEP, end)]
        used |= np.bincount(stretch, minlength=len(used)) > 0
        release(text.indices)
    return Vocabulary([text.vocabulary.symbols[index] for index in np.flatnonzero(used)])


def texts(config: Config, text: Encoded) -> Texts:
    """Return what a run reads, in its vocabulary.

    Raises InputError where a text that the config names is another one now.
    """
    vocabulary = Vocabulary(config.vocabulary)
    return Texts(
        vocabulary,
        _indices(config.parts.train, text, vocabulary),
        _other(config.parts.validation, text, vocabulary),
        _other(config.parts.test, text, vocabulary),
    )


def _other(part: Part | None, text: Encoded, vocabulary: Vocabulary) -> np.ndarray | None:
    return None if part is None else _indices(part, text, vocabulary)


def _indices(part: Part, text: Encoded, vocabulary: Vocabulary) -> np.ndarray:
    if part.corpus is not None:
        text = open_corpus(part.corpus.source, part.corpus.encoding, part.corpus.units)
        part.corpus.check(text)
    stretch = text.indices[part.start : part.start + part.length]
    return translated(stretch, text.vocabulary, vocabulary)
