"""The texts of one command: each is loaded once, and a moved one is found again."""

import sys
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from . import corpora
from .decoding import Units
from .encoded import Encoded, open_corpus
from .records import CorpusRecord, TextDigest

MANY_UNSEEN = 0.1  # fraction of unseen symbols that makes a wrong text or encoding likely


class Library:
    """Loads texts, and keeps them for later requests.

    >>> library = Library()
    >>> library.open("novel.txt") is library.open("novel.txt")
    True
    """

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str, Units], Encoded] = {}
        self._said: set[str] = set()

    def open(self, source: str, encoding: str = "utf-8", units: Units | None = None) -> Encoded:
        """Load a text, or return the one loaded before. Raises InputError as open_corpus does."""
        if units is None:
            units = corpora.units_of(source)
        key = (source, encoding, units)
        if key not in self._texts:
            text = open_corpus(source, encoding, units)
            self._texts[key] = self._texts[text.source, text.encoding, units] = text
        return self._texts[key]

    def keep(self, text: Encoded, record: CorpusRecord | TextDigest) -> None:
        """Store a text as the one that `open` returns for the record's source."""
        self._texts[record.source, record.encoding, record.units] = text

    def search(self, record: CorpusRecord | TextDigest, near: Path) -> Encoded | None:
        """Return the text with the record's SHA-256, or None if it isn't found.

        It is searched for at its recorded path, and then by its name and the last folders of that
        path below `near`, below every folder above it, and below the working folder.
        """
        for source in (record.source, *_elsewhere(record.source, near)):
            try:
                text = self.open(source, record.encoding, record.units)
            except InputError:
                continue
            if text.sha256 == record.sha256:
                if source != record.source:
                    self.note(f"the text isn't at {record.source} any more; read from {source}")
                return text
        return None

    def find(self, record: CorpusRecord | TextDigest, near: Path, advice: str) -> Encoded:
        """Return the text with the record's SHA-256, found as by `search`.

        Raises InputError if it isn't found; `advice` ends the message and says how to name the
        text.
        """
        text = self.search(record, near)
        if text is not None:
            return text
        if not is_missing(record.source):
            found = self.open(record.source, record.encoding, record.units)
            try:
                record.check(found)
            except InputError as error:
                raise InputError(f"{error}. {advice}") from error
        raise InputError(missing(record, near, advice))

    def note(self, text: str) -> None:
        """Print a note on standard error, each one once a command."""
        if text not in self._said:
            self._said.add(text)
            print(f"note: {text}", file=sys.stderr)

    def note_unseen(self, name: str, unseen: int, length: int, record: CorpusRecord) -> None:
        """Print a note if more than MANY_UNSEEN of a text's symbols were unseen in training."""
        if unseen > MANY_UNSEEN * length:
            units = record.units
            self.note(
                f"{unseen / length:.0%} of the {length:,} {units} of {name} never occur in the "
                f"text that the run learns from; they are skipped and counted, not scored. "
                + (
                    f"Is it the right text, in the right encoding ({record.encoding})?"
                    if units == "characters"
                    else "Is it the right text?"
                )
            )


def is_missing(source: str) -> bool:
    """Return whether a source is the path of a file that doesn't exist."""
    return not corpora.is_named(source) and not Path(source).exists()


def missing(record: CorpusRecord | TextDigest, near: Path, advice: str) -> str:
    """Return the error message for a run's text that isn't found."""
    return (
        f"the run's text isn't at {record.source} any more, and no {Path(record.source).name} with "
        f"SHA-256 {record.sha256} lies in {near.absolute()} or a folder above it. {advice}"
    )


def _elsewhere(source: str, near: Path) -> Iterator[str]:
    """Yield the files that may be this one, if it moved together with the folder `near`."""
    if not Path(source).is_absolute():
        return  # a corpus's name, or standard input
    folders, seen = Path(source).parts[1:], {source}
    here = near.absolute()
    for above in (here, *here.parents, Path.cwd()):
        for depth in range(1, len(folders) + 1):
            place = above.joinpath(*folders[-depth:])
            if str(place) not in seen and place.is_file():
                seen.add(str(place))
                yield str(place)
