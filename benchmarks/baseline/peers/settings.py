"""The settings of a reference network; those that `bptt train` has, too, bear its names."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, model_validator

from bptt import settings_file
from bptt.errors import InputError
from bptt.settings import Settings
from bptt.split import shares
from bptt.strict import Strict, explain

Model = Literal["rnn", "lstm", "gru", "mingru"]


class PeerSettings(Strict):
    """A reference network and its training.

    The loss is summed over a window's steps and lanes, so `clip` bounds the norm of a sum, as in
    `bptt train`. `output_dropout` is on the output of every layer; `recurrent_dropout` is on the
    recurrent weights, one mask a window (Merity, Keskar and Socher, 2018), since nn.LSTM and nn.GRU
    show no state between two steps. `input_scale` and `recurrent_scale` are factors of a layer's
    initial weights. `average_decay` is of the weights' exponential average, which is then what is
    validated and saved; 0 for none. A minGRU layer is a block (see networks.py).
    """

    model: Model
    layers: int = Field(1, gt=0)
    hidden_size: int = Field(gt=0)
    seq_length: int = Field(gt=0)
    lanes: int = Field(gt=0)
    iterations: int = Field(gt=0)
    optimizer: Literal["adam", "adamw", "rmsprop"] = "adam"
    learning_rate: float = Field(gt=0)
    weight_decay: float = Field(0.0, ge=0)
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: int = Field(0, ge=0)
    final_share: float = Field(0.0, ge=0, le=1)
    clip_kind: Literal["norm", "none"] = "none"
    clip: float | None = Field(None, gt=0)
    initialization: Literal["torch", "orthogonal"] = "torch"
    input_scale: float = Field(1.0, gt=0)
    recurrent_scale: float = Field(1.0, ge=0)
    output_dropout: float = Field(0.0, ge=0, lt=1)
    recurrent_dropout: float = Field(0.0, ge=0, lt=1)
    average_decay: float = Field(0.0, ge=0, lt=1)
    dtype: Literal["float32"] = "float32"
    split: str = "90/5/5"
    seed: int = Field(1, ge=0, lt=2**32)
    validate_every: int = Field(1000, gt=0)
    log_every: int = Field(100, gt=0)

    @model_validator(mode="after")
    def _fit_together(self) -> "PeerSettings":
        if shares(self.split)[1] == 0:
            raise ValueError(f"the split must keep a validation text, got {self.split}")
        if (self.clip_kind == "none") != (self.clip is None):
            raise ValueError(f"clip_kind {self.clip_kind} doesn't go with clip {self.clip}")
        if self.model == "mingru" and self.recurrent_dropout > 0:
            raise ValueError("minGRU has no recurrent weights for recurrent_dropout to act on")
        if self.model == "mingru" and self.initialization == "orthogonal":
            raise ValueError("minGRU has no recurrent weights that could be orthogonal")
        if self.model == "mingru" and (self.input_scale, self.recurrent_scale) != (1.0, 1.0):
            raise ValueError("minGRU has no weights for input_scale and recurrent_scale")
        if self.warmup >= self.iterations:
            raise ValueError(
                f"warmup must be shorter than {self.iterations} iterations, got {self.warmup}"
            )
        return self

    @property
    def window_size(self) -> int:
        return self.seq_length * self.lanes

    @property
    def as_of_bptt(self) -> Settings:
        """The settings of `bptt train` that say how to split the text and what the rate is."""
        names = ("iterations", "learning_rate", "schedule", "warmup", "final_share", "split")
        return Settings(**{name: getattr(self, name) for name in names})


def checked(given: dict[str, Any]) -> PeerSettings:
    """Return settings. Raises InputError that says which are wrong or incompatible."""
    try:
        return PeerSettings(**given)
    except ValidationError as error:
        raise InputError(explain(error)) from error


def read(path: Path) -> dict[str, Any]:
    """Read a TOML file of settings; [[results]] tables are left out.

    Raises InputError if it can't be read or has an unknown setting.
    """
    found = settings_file.load(path)
    found.pop(settings_file.RESULTS, None)
    unknown = sorted(found.keys() - PeerSettings.model_fields.keys())
    if unknown:
        known = ", ".join(PeerSettings.model_fields)
        raise InputError(f"{path}: no setting is called {unknown[0]!r}; there are: {known}")
    return found
