"""Records of a run's texts and their splits, as config.json holds them."""

from dataclasses import dataclass

from pydantic import Field

from ..errors import InputError
from ..strict import Strict
from .decoding import Units
from .encoded import Encoded


class CorpusRecord(Strict):
    """A text: `source` loads it again, `length` is in characters or bytes (`units`)."""

    name: str
    source: str
    encoding: str
    units: Units
    length: int = Field(gt=0)
    sha256: str

    @classmethod
    def of(cls, text: Encoded) -> "CorpusRecord":
        return cls(
            name=text.name,
            source=text.source,
            encoding=text.encoding,
            units=text.units,
            length=len(text.indices),
            sha256=text.sha256,
        )

    def check(self, text: Encoded) -> None:
        """Raise InputError unless the text has this record's SHA-256."""
        if text.sha256 != self.sha256:
            raise InputError(
                f"the run was trained on another text: expected {self.length} {self.units} "
                f"with SHA-256 {self.sha256}, got {len(text.indices)} with {text.sha256} "
                f"from {text.source}"
            )


@dataclass(frozen=True)
class TextDigest:
    """A text of which only the SHA-256 and a place where it may lie are known."""

    source: str
    encoding: str
    units: Units
    sha256: str

    def check(self, text: Encoded) -> None:
        """Raise InputError unless the text has this SHA-256."""
        if text.sha256 != self.sha256:
            raise InputError(
                f"expected a text with SHA-256 {self.sha256}, got one with {text.sha256} "
                f"from {text.source}"
            )


class Split(Strict):
    """A split: a contiguous part of the run's own corpus, or of another one if named."""

    start: int = Field(ge=0)
    length: int = Field(gt=0)
    corpus: CorpusRecord | None = None


class Splits(Strict):
    """The training, validation and test splits of a run."""

    train: Split
    validation: Split | None
    test: Split | None
