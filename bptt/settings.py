"""What a person may set about a run: every option of `bptt train`, by the same name in a file.

A file of settings is TOML, one setting a line (`hidden_size = 256`), or the config.json of a run.
"""

import difflib
import json
import math
import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from .errors import InputError, explained

RATES = {"adagrad": 0.05, "adam": 0.002, "adamw": 0.002, "rmsprop": 0.002, "sgd": 0.01}
ALL = "all"  # of a text: train on the whole of it
NO_NUMPY = "--engine torch or fast"


class Strict(BaseModel):
    """Knows its keys, and refuses others."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, strict=True)


class Settings(Strict):
    """A run's settings and their defaults, which are the notebook's where it has them.

    `clip` bounds the running sums ("running"), each entry of the finished gradient ("value") or
    its norm over all parameters ("norm"), always of a loss that is summed over a window's steps
    and lanes; null means none. `time_budget` is in seconds of training. `warmup` is in iterations,
    `patience` and `plateau_patience` in validations without a new best. `units` null means the
    text's own: characters, unless a corpus with a name is one of bytes.
    """

    engine: Literal["numpy", "torch", "fast"] = "numpy"
    dtype: Literal["float64", "float32"] = "float64"
    hidden_size: int = Field(default=150, gt=0)
    seq_length: int = Field(default=35, gt=0)
    lanes: int = Field(default=1, gt=0)
    iterations: int = Field(default=10_000, gt=0)
    optimizer: Literal["adagrad", "adam", "adamw", "rmsprop", "sgd"] = "adagrad"
    learning_rate: float = Field(default=RATES["adagrad"], gt=0)
    momentum: float = Field(default=0.0, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    schedule: Literal["constant", "cosine", "plateau"] = "constant"
    warmup: int = Field(default=0, ge=0)
    final_share: float = Field(default=0.0, ge=0, le=1)
    plateau_factor: float = Field(default=0.5, gt=0, lt=1)
    plateau_patience: int = Field(default=2, ge=0)
    clip_kind: Literal["running", "value", "norm", "none"] = "running"
    clip: float | None = Field(default=5.0, gt=0)
    initialization: Literal["notebook", "orthogonal", "identity", "glorot"] = "notebook"
    learn_initial_state: bool = False
    seed: int = Field(default=1, ge=0, lt=2**32)
    sample_every: int = Field(default=1000, gt=0)
    sample_temperature: float = Field(default=0.0, ge=0)
    checkpoint_every: int = Field(default=1000, gt=0)
    validate_every: int = Field(default=1000, gt=0)
    log_every: int = Field(default=10, gt=0)
    patience: int = Field(default=0, ge=0)
    time_budget: float | None = Field(default=None, gt=0)
    diagnostics: bool = False
    tensorboard: bool = False
    encoding: str = "utf-8"
    units: Literal["characters", "bytes"] | None = None
    split: str = "90/5/5"
    validation_file: str | None = None
    test_file: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: Any) -> Any:
        """Give each optimizer its own rate, and make the clip and its kind say the same."""
        if not isinstance(given, dict):
            return given
        filled = dict(given)
        filled.setdefault("learning_rate", RATES.get(filled.get("optimizer", "adagrad"), 0.05))
        if filled.get("clip_kind") == "none":
            if filled.get("clip") is not None:
                raise ValueError(f"clip_kind none leaves no clip, got clip {filled['clip']}")
            filled["clip"] = None
        elif "clip" in filled and filled["clip"] is None:
            if "clip_kind" in filled:
                raise ValueError(f"clip_kind {filled['clip_kind']} needs a clip, got none")
            filled["clip_kind"] = "none"
        files = filled.get("validation_file") is not None
        if files and filled.setdefault("split", ALL) != ALL:
            raise ValueError(f"validation_file leaves nothing to split, got {filled['split']}")
        return filled

    @model_validator(mode="after")
    def _fit_together(self) -> "Settings":
        shares(self.split)
        conflicts = (
            (self.momentum and self.optimizer != "sgd", "momentum", "--optimizer sgd"),
            (
                self.weight_decay and self.optimizer == "adagrad",
                "weight_decay",
                "another optimizer",
            ),
            (self.final_share and self.schedule != "cosine", "final_share", "--schedule cosine"),
            (self.warmup and self.schedule != "cosine", "warmup", "--schedule cosine"),
            (self.schedule == "plateau" and not self.validates, "schedule plateau", "validation"),
            (self.patience and not self.validates, "patience", "validation"),
            (self.test_file and not self.validation_file, "test_file", "--validation-file too"),
            (self.engine == "numpy" and self.dtype != "float64", "dtype float32", NO_NUMPY),
        )
        for conflicting, name, needed in conflicts:
            if conflicting:
                raise ValueError(f"{name} needs {needed}, got {self._beside(needed)}")
        if self.warmup >= self.iterations:
            raise ValueError(
                f"warmup must be shorter than the run's {self.iterations} iterations, "
                f"got {self.warmup}"
            )
        return self

    def _beside(self, needed: str) -> str:
        words = {"--optimizer": self.optimizer, "--schedule": self.schedule}
        words |= {"another": self.optimizer, "validation": f"split {self.split}"}
        return words.get(needed.split()[0], f"engine {self.engine}")

    @property
    def validates(self) -> bool:
        """Whether something of the text, or another text, is kept for validation."""
        return self.validation_file is not None or shares(self.split)[1] > 0

    @property
    def running_clip(self) -> float | None:
        """The bound inside the sum over steps, where that is how this run clips."""
        return self.clip if self.clip_kind == "running" else None


def shares(split: str) -> tuple[float, float, float]:
    """Read TRAIN/VALIDATION/TEST, such as 90/5/5, as shares that add up to 1, or "all".

    Raises ValueError for anything else.
    """
    if split == ALL:
        return 1.0, 0.0, 0.0
    try:
        parts = [float(part) for part in split.split("/")]
    except ValueError:
        parts = []
    if len(parts) != 3 or not all(0 <= part < math.inf for part in parts) or parts[0] == 0:
        raise ValueError(
            f"split must be TRAIN/VALIDATION/TEST, such as 90/5/5, or all, got {split}"
        )
    whole = sum(parts)
    return parts[0] / whole, parts[1] / whole, parts[2] / whole


DEFAULTS = Settings().model_dump()


def read_file(path: Path) -> dict[str, Any]:
    """Return what a file sets, and under "corpus" the text it names, if any.

    Raises InputError that names an unknown setting's nearest.
    """
    with explained("read", path):
        content = path.read_bytes()
    try:
        if path.suffix == ".json":
            found = _of_a_run(json.loads(content))
        else:
            found = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:  # both formats' errors and bad UTF-8 are these
        raise InputError(f"{path} can't be read as settings: {error}") from error
    named = {key.replace("-", "_"): value for key, value in found.items()}
    known = [*Settings.model_fields, "corpus"]
    for key in named:
        if key not in known:
            near = difflib.get_close_matches(key, known, 1)
            meant = f"; did you mean {near[0]}?" if near else f" (there are: {', '.join(known)})"
            raise InputError(f"{path}: no setting is called {key}{meant}")
    corpus = named.get("corpus")
    if corpus is not None and not isinstance(corpus, str):
        raise InputError(f"{path}: corpus must be a file or a name, got {corpus!r}")
    return named


def _of_a_run(config: Any) -> dict[str, Any]:
    if not isinstance(config, dict) or not isinstance(config.get("corpus"), dict):
        raise ValueError("expected the config.json of a run")
    kept = {key: value for key, value in config.items() if key in Settings.model_fields}
    return kept | {"corpus": config["corpus"].get("source")}


def explain(error: ValidationError) -> str:
    """Say in one line what was expected, what came, and where."""
    return "; ".join(_explain_one(dict(problem)) for problem in error.errors())


def _explain_one(problem: dict[str, Any]) -> str:
    place = ".".join(map(str, problem["loc"]))
    said = problem["msg"][0].lower() + problem["msg"][1:]
    if problem["type"] in ("missing", "json_invalid", "value_error"):
        return f"{place}: {said}" if place else said.removeprefix("value error, ")
    return f"{place}: {said}, got {problem['input']!r}"
