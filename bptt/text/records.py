"""What a run records of its texts and their parts."""

from pydantic import Field

from ..errors import InputError
from ..strict import Strict
from .decoding import Units
from .encoded import Encoded


class CorpusRecord(Strict):
    """A text: `source` is what loads it again, `length` counts characters or bytes."""

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
        """Raises InputError unless it is the very text that the run began with."""
        if text.sha256 != self.sha256:
            raise InputError(
                f"the run was trained on another text: expected {self.length} {self.units} "
                f"with SHA-256 {self.sha256}, got {len(text.indices)} with {text.sha256} "
                f"from {text.source}"
            )


class Part(Strict):
    """A stretch of a text: of the run's own unless another is named."""

    start: int = Field(ge=0)
    length: int = Field(gt=0)
    corpus: CorpusRecord | None = None


class Parts(Strict):
    """What a run learns from, what it is watched by, and what is kept for the end."""

    train: Part
    validation: Part | None
    test: Part | None
