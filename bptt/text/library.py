"""The texts of one command: each is opened once, and a run's is found where it lies by now."""

import sys
from collections.abc import Iterator
from pathlib import Path

from ..errors import InputError
from . import corpora
from .decoding import Units
from .encoded import Encoded, open_corpus
from .records import CorpusRecord

MANY_UNSEEN = 0.1  # share of a text, beyond which there is something wrong with it


class Library:
    """Opens texts, and keeps them for who asks again.

    >>> library = Library()
    >>> library.open("novel.txt") is library.open("novel.txt")
    True
    """

    def __init__(self) -> None:
        self._texts: dict[tuple[str, str, Units], Encoded] = {}
        self._said: set[str] = set()

    def open(self, source: str, encoding: str = "utf-8", units: Units | None = None) -> Encoded:
        """Open a text, or return it. Raises InputError as open_corpus."""
        if units is None:
            units = corpora.REMOTE[source].units if source in corpora.REMOTE else "characters"
        key = (source, encoding, units)
        if key not in self._texts:
            text = open_corpus(source, encoding, units)
            self._texts[key] = self._texts[text.source, text.encoding, units] = text
        return self._texts[key]

    def keep(self, text: Encoded, record: CorpusRecord) -> None:
        """Return this text from now on where the record's source is asked for."""
        self._texts[record.source, record.encoding, record.units] = text

    def search(self, record: CorpusRecord, near: Path) -> Encoded | None:
        """Return the very text that a run began with, or None where it isn't found.

        It is looked for where it lay, and then, by its name and the folders that it lay in, from
        the folder `near` upwards and from the working folder.
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

    def find(self, record: CorpusRecord, near: Path, advice: str) -> Encoded:
        """Return the very text that a run began with; `advice` says how to name it.

        Raises InputError where it isn't found.
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
        """Say something on standard error, once a command."""
        if text not in self._said:
            self._said.add(text)
            print(f"note: {text}", file=sys.stderr)

    def note_unseen(self, name: str, unseen: int, length: int, record: CorpusRecord) -> None:
        """Warn of a text that is for the most part of symbols that the run never learned."""
        if unseen > MANY_UNSEEN * length:
            units = record.units
            self.note(
                f"{unseen / length:.0%} of the {length:,} {units} of {name} never occur in what "
                f"the run learns from; they are not scored, and the figure is of the others alone. "
                + (
                    f"Is it the right text, in the right encoding ({record.encoding})?"
                    if units == "characters"
                    else "Is it the right text?"
                )
            )


def is_missing(source: str) -> bool:
    """Tell whether a source is a file that isn't there."""
    named = source == corpora.STANDARD_INPUT or source in corpora.BUILT_IN | corpora.REMOTE
    return not named and not Path(source).exists()


def missing(record: CorpusRecord, near: Path, advice: str) -> str:
    return (
        f"the run's text isn't at {record.source} any more, and no {Path(record.source).name} with "
        f"SHA-256 {record.sha256} lies in {near.absolute()} or a folder above it. {advice}"
    )


def _elsewhere(source: str, near: Path) -> Iterator[str]:
    """Yield the files that may be this one, moved together with the folder `near`."""
    if not Path(source).is_absolute():
        return  # a corpus' name, or standard input
    folders, seen = Path(source).parts[1:], {source}
    here = near.absolute()
    for above in (here, *here.parents, Path.cwd()):
        for depth in range(1, len(folders) + 1):
            place = above.joinpath(*folders[-depth:])
            if str(place) not in seen and place.is_file():
                seen.add(str(place))
                yield str(place)
