"""Everything that is needed to repeat a run, as config.json holds it."""

import platform
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import safetensors
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from threadpoolctl import threadpool_info

import bptt
from reference import Hyperparameters, Vocabulary

from .corpora import Corpus
from .errors import InputError


class Strict(BaseModel):
    """Knows its keys, and refuses others."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class CorpusRecord(Strict):
    name: str
    source: str
    encoding: str
    characters: int
    sha256: str

    def check(self, corpus: Corpus) -> None:
        """Raises InputError unless it is the very text that the run began with."""
        if corpus.sha256 != self.sha256:
            raise InputError(
                f"the run was trained on another text: expected {self.characters} characters "
                f"with SHA-256 {self.sha256}, got {len(corpus.text)} with {corpus.sha256} "
                f"from {corpus.source}"
            )


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
        blas = [
            f"{library['internal_api']} {library['version']} ({library.get('architecture')})"
            for library in threadpool_info()
            if library["user_api"] == "blas"
        ]
        return cls(
            bptt=bptt.__version__,
            python=platform.python_version(),
            numpy=np.__version__,
            torch=version("torch"),
            safetensors=safetensors.__version__,
            blas=", ".join(sorted(blas)) or "unknown",
            machine=f"{platform.system()} {platform.machine()}",
        )

    def differences(self, other: "Versions") -> list[str]:
        mine, theirs = self.model_dump(), other.model_dump()
        return [
            f"{key} {mine[key]} is now {theirs[key]}" for key in mine if mine[key] != theirs[key]
        ]


class Config(Strict):
    """A run's settings. Losses are natural logarithms; `clip` null means none."""

    engine: Literal["numpy", "torch", "fast"]
    dtype: Literal["float64", "float32"]
    hidden_size: int = Field(gt=0)
    seq_length: int = Field(gt=0)
    learning_rate: float = Field(gt=0)
    iterations: int = Field(gt=0)
    sample_every: int = Field(gt=0)
    clip: float | None = Field(gt=0)
    seed: int = Field(ge=0, lt=2**32)
    checkpoint_every: int = Field(gt=0)
    log_every: int = Field(gt=0)
    diagnostics: bool
    corpus: CorpusRecord
    vocabulary: list[str]
    versions: Versions

    @model_validator(mode="after")
    def _symbols_are_a_vocabulary(self) -> "Config":
        Vocabulary(self.vocabulary)
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

    def bits_per_character(self, loss: float) -> float:
        """Of a loss in nats a window."""
        return float(loss / (self.seq_length * np.log(2)))

    def to_json(self) -> bytes:
        return (self.model_dump_json(indent=2) + "\n").encode()


def explain(error: ValidationError) -> str:
    """Say in one line what was expected, what came, and where."""
    return "; ".join(_explain_one(dict(problem)) for problem in error.errors())


def _explain_one(problem: dict[str, Any]) -> str:
    place = ".".join(map(str, problem["loc"]))
    said = problem["msg"][0].lower() + problem["msg"][1:]
    if problem["type"] in ("missing", "json_invalid", "value_error"):
        return f"{place}: {said}" if place else said
    return f"{place}: {said}, got {problem['input']!r}"
