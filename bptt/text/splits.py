"""Splitting a run's texts into training, validation and test.

N characters of text, V symbols.
"""

import numpy as np

from reference import Vocabulary

from ..errors import InputError, counted
from ..settings import Settings
from ..split import shares
from .encoded import Encoded, stretches
from .library import Library
from .records import CorpusRecord, Split, Splits


def split_text(text: Encoded, settings: Settings, library: Library | None = None) -> Splits:
    """Split a text by the fractions of `settings.split`, or use the files that the settings name.

    The splits follow each other in the text: training, validation, test. Their ends are rounded to
    the nearest character; of two fractions, such as 90/10, the end of training is rounded down, as
    in nanoGPT's prepare.py, so that the validation text is the same. `library` loads the files.

    Raises InputError if a requested split would be empty.
    """
    if settings.validation_file is not None:
        library = library or Library()
        validation, test = (
            None if file is None else _whole(library.open(file, settings.encoding, text.units))
            for file in (settings.validation_file, settings.test_file)
        )
        train = Split(start=0, length=len(text.indices))
        return Splits(train=train, validation=validation, test=test)
    N, start, parts = len(text.indices), 0, []
    wanted = shares(settings.split)
    down = settings.split.count("/") == 1
    for name, share, until in zip(Splits.model_fields, wanted, np.cumsum(wanted), strict=True):
        end = int(N * float(until)) if down and name == "train" else round(N * float(until))
        if share > 0 and end == start:
            raise InputError(
                f"--split {settings.split} leaves nothing of {text.name}'s "
                f"{counted(N, text.units)} for {name}; --split all trains on the whole text"
            )
        parts.append(Split(start=start, length=end - start) if share > 0 else None)
        start = end
    train, validation, test = parts
    return Splits(train=train, validation=validation, test=test)


def _whole(text: Encoded) -> Split:
    return Split(start=0, length=len(text.indices), corpus=CorpusRecord.of(text))


def sources(parts: Splits) -> dict[str, str]:
    """Return the settings that name validation and test files, with absolute paths."""
    named = {"validation_file": parts.validation, "test_file": parts.test}
    return {key: part.corpus.source for key, part in named.items() if part and part.corpus}


def vocabulary_of(text: Encoded, part: Split) -> Vocabulary:
    """Return the vocabulary of a split: every symbol that occurs in it, in the text's order.

    Raises InputError for half of a surrogate pair, which no file of a run could hold.
    """
    used = np.zeros(len(text.vocabulary), bool)
    for stretch in stretches(text.indices[part.start : part.start + part.length]):
        used |= np.bincount(stretch, minlength=len(used)) > 0
    symbols = [text.vocabulary.symbols[index] for index in np.flatnonzero(used)]
    for symbol in symbols:
        if 0xD800 <= ord(symbol) < 0xE000:
            raise InputError(
                f"{text.name} has U+{ord(symbol):04X} in it, half of a surrogate pair and no "
                f"character; read as {text.encoding}"
            )
    return Vocabulary(symbols)
