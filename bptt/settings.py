"""What a person may set about a run: every option of `bptt train`, by the same name in a file.

A file of settings is TOML, one setting a line (`hidden_size = 256`), or the config.json of a run.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from reference import Hyperparameters

RATES = {"adagrad": 0.05, "adam": 0.002, "adamw": 0.002, "rmsprop": 0.002, "sgd": 0.01}
ALL = "all"  # of a text: train on the whole of it
STANDARD_INPUT = "-"
LONGEST_SHOWN = 200  # characters of a wrong value


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
        """Give each optimizer its own rate, and fill in what a clip or a file says of others."""
        if not isinstance(given, dict):
            return given
        filled = dict(given)
        optimizer = filled.get("optimizer")
        own = RATES.get(optimizer) if isinstance(optimizer, str) else None
        filled.setdefault("learning_rate", own or RATES["adagrad"])
        if filled.get("clip_kind") == "none":
            filled.setdefault("clip", None)
        elif "clip" in filled and filled["clip"] is None:
            filled.setdefault("clip_kind", "none")
        if filled.get("validation_file") is not None:
            filled.setdefault("split", ALL)
        return filled

    @model_validator(mode="after")
    def _fit_together(self) -> "Settings":
        shares(self.split)
        adagrad, cosine = self.optimizer == "adagrad", self.schedule == "cosine"
        plateau, default = self.schedule == "plateau", type(self).model_fields
        reduces = (self.plateau_factor, self.plateau_patience) != (
            default["plateau_factor"].default,
            default["plateau_patience"].default,
        )
        files = self.validation_file is not None
        for conflicts, message in (
            (
                self.clip_kind == "none" and self.clip is not None,
                f"clip_kind none leaves no clip, got clip {self.clip}",
            ),
            (
                self.clip_kind != "none" and self.clip is None,
                f"clip_kind {self.clip_kind} needs a clip, got none",
            ),
            (
                self.momentum > 0 and self.optimizer != "sgd",
                f"momentum is sgd's, got it with optimizer {self.optimizer}",
            ),
            (
                self.weight_decay > 0 and adagrad,
                "weight_decay needs another optimizer than adagrad",
            ),
            (
                (self.final_share > 0 or self.warmup > 0) and not cosine,
                f"warmup and final_share are the cosine's, got them with schedule {self.schedule}",
            ),
            (
                reduces and not plateau,
                "plateau_factor and plateau_patience are the plateau's, got them with schedule "
                f"{self.schedule}",
            ),
            (
                plateau and not self.validates,
                f"schedule plateau needs validation, got split {self.split}",
            ),
            (
                self.patience > 0 and not self.validates,
                f"patience needs validation, got split {self.split}",
            ),
            (
                files and self.split != ALL,
                f"with a validation_file there is nothing to split, got split {self.split}",
            ),
            (
                self.test_file is not None and not files,
                "test_file needs a validation_file beside it",
            ),
            (
                STANDARD_INPUT in (self.validation_file, self.test_file),
                "validation_file and test_file must be files or names: standard input is read once",
            ),
            (
                self.engine == "numpy" and self.dtype == "float32",
                "dtype float32 needs engine torch or fast, got numpy",
            ),
            (
                self.warmup >= self.iterations,
                f"warmup must be shorter than the run's {self.iterations} iterations, "
                f"got {self.warmup}",
            ),
        ):
            if conflicts:
                raise ValueError(message)
        return self

    @property
    def validates(self) -> bool:
        """Whether something of the text, or another text, is kept for validation."""
        return self.validation_file is not None or shares(self.split)[1] > 0

    @property
    def running_clip(self) -> float | None:
        """The bound inside the sum over steps, where that is how this run clips."""
        return self.clip if self.clip_kind == "running" else None

    @property
    def hyperparameters(self) -> Hyperparameters:
        return Hyperparameters(
            hidden_size=self.hidden_size,
            seq_length=self.seq_length,
            learning_rate=self.learning_rate,
            iterations=self.iterations,
            sample_every=self.sample_every,
        )


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
    if len(parts) != 3 or not all(0 <= part < 1e9 for part in parts) or parts[0] == 0:
        raise ValueError(
            f"split must be TRAIN/VALIDATION/TEST, such as 90/5/5, or all, got {shown(split)}"
        )
    whole = sum(parts)
    return parts[0] / whole, parts[1] / whole, parts[2] / whole


DEFAULTS = Settings().model_dump()


def explain(error: ValidationError) -> str:
    """Say in one line what was expected, what came, and where."""
    return "; ".join(_explain_one(dict(problem)) for problem in error.errors())


def _explain_one(problem: dict[str, Any]) -> str:
    place = ".".join(str(part)[:LONGEST_SHOWN] for part in problem["loc"])
    said = problem["msg"][0].lower() + problem["msg"][1:]
    if problem["type"] in ("missing", "json_invalid", "value_error"):
        return f"{place}: {said}" if place else said.removeprefix("value error, ")
    return f"{place}: {said}, got {shown(problem['input'])}"


def shown(value: Any) -> str:
    """Write a wrong value for a person: not all of it where it is long."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a whole number too long to be written, deep nesting
        return f"a {type(value).__name__} too large to be shown"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]} …"
