"""Everything that is needed to repeat a run, as config.json holds it."""

import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import safetensors
from pydantic import Field, model_validator
from threadpoolctl import threadpool_info

import bptt
from reference import Hyperparameters, Vocabulary

from .encoded import Encoded
from .errors import InputError
from .raw_text import Units
from .settings import Settings, Strict


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


class Versions(Strict):
    bptt: str
    python: str
    numpy: str
    torch: str
    safetensors: str
    blas: str
    machine: str

    @classmethod
    def current(cls) -> "Versions":
        return cls(
            bptt=bptt.__version__,
            python=platform.python_version(),
            numpy=np.__version__,
            torch=version("torch"),
            safetensors=safetensors.__version__,
            blas=_blas_of_numpy(),
            machine=f"{platform.system()} {platform.machine()}",
        )

    def differences(self, other: "Versions") -> list[str]:
        mine, theirs = self.model_dump(), other.model_dump()
        return [
            f"{key} {mine[key]} is now {theirs[key]}" for key in mine if mine[key] != theirs[key]
        ]


def _blas_of_numpy() -> str:
    """Name NumPy's BLAS; not SciPy's own, which is loaded or not as other packages see fit."""
    for library in threadpool_info():
        folders = Path(library["filepath"]).parts
        if library["user_api"] == "blas" and {"numpy", "numpy.libs"} & {*folders}:
            return f"{library['internal_api']} {library['version']} ({library['architecture']})"
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{built['name']} {built['version']}"


class Config(Settings):
    """A run's settings, its texts and what computed it. Losses are natural logarithms."""

    corpus: CorpusRecord
    parts: Parts
    vocabulary: list[str]
    versions: Versions

    @model_validator(mode="after")
    def _symbols_are_a_vocabulary(self) -> "Config":
        Vocabulary(self.vocabulary)
        return self

    @model_validator(mode="after")
    def _parts_are_of_their_texts(self) -> "Config":
        for name, part in self.parts:
            length = (part.corpus or self.corpus).length if part else 0
            if part and part.start + part.length > length:
                raise ValueError(
                    f"{name} must lie in the text's {length} {self.corpus.units}, "
                    f"got {part.length} from {part.start}"
                )
        return self

    @property
    def hyperparameters(self) -> Hyperparameters:
        return Hyperparameters(
            hidden_size=self.hidden_size,
            seq_length=self.seq_length,
            learning_rate=self.learning_rate,
            iterations=self.iterations,
            sample_every=self.sample_every,
        )

    @property
    def window_size(self) -> int:
        """Characters that an iteration learns from, over all lanes."""
        return self.seq_length * self.lanes

    def bits_per_character(self, loss: float) -> float:
        """Of a loss in nats, summed over a window's steps and lanes."""
        return float(loss / (self.window_size * np.log(2)))

    def to_json(self) -> bytes:
        return (self.model_dump_json(indent=2) + "\n").encode()
