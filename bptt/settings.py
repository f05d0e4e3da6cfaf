"""The settings of a run: names, types, bounds, defaults and help texts, each stated once.

The options of `bptt train` are made from it. A file has the same names: TOML, one setting a
line (`hidden_size = 256`), or the config.json of a run.
"""

from typing import Any, Literal

from pydantic import model_validator

from reference import Hyperparameters

from .split import ALL, shares
from .strict import Strict, option

RATES = {"adagrad": 0.05, "adam": 0.002, "adamw": 0.002, "rmsprop": 0.002, "sgd": 0.01}
STANDARD_INPUT = "-"


class Settings(Strict):
    """A run's settings and their defaults, which are the notebook's where it has them.

    `clip` bounds the running sums ("running"), each entry of the finished gradient ("value") or
    its norm over all parameters ("norm"), always of a loss that is summed over a window's steps
    and lanes; null means none.
    """

    engine: Literal["numpy", "torch", "fast"] = option(
        "numpy",
        "Engine",
        "Which implementation computes: numpy (reference), torch (its twin), fast (compiled).",
    )
    dtype: Literal["float64", "float32"] = option("float64", "Engine", "Precision of the numbers.")
    hidden_size: int = option(150, "Network", "Number of hidden units.", names="--hidden", gt=0)
    seq_length: int = option(
        35, "Text", "Characters in a window: how far gradients go back in time.", gt=0
    )
    lanes: int = option(
        1,
        "Text",
        "Parallel streams of the text (batch size): each carries its own state, and their "
        "gradients are summed.",
        gt=0,
    )
    iterations: int = option(
        10_000, "Optimization", "Number of updates; each reads one window of every lane.", gt=0
    )
    optimizer: Literal["adagrad", "adam", "adamw", "rmsprop", "sgd"] = option(
        "adagrad", "Optimization", "Update rule of the weights."
    )
    learning_rate: float = option(
        RATES["adagrad"],
        "Optimization",
        "Learning rate of the optimizer.",
        names="--learning-rate --lr",
        metavar="RATE",
        default_text=", ".join(f"{rate:g} for {name}" for name, rate in RATES.items()),
        gt=0,
    )
    momentum: float = option(
        0.0, "Optimization", "Momentum of SGD (0 to below 1).", metavar="FRACTION", ge=0, lt=1
    )
    weight_decay: float = option(
        0.0,
        "Optimization",
        "Weight decay, for every optimizer but adagrad.",
        metavar="RATE",
        ge=0,
    )
    output_dropout: float = option(
        0.0,
        "Optimization",
        "Fraction of hidden units that the output layer doesn't see, drawn anew at each step.",
        metavar="FRACTION",
        ge=0,
        lt=1,
    )
    recurrent_dropout: float = option(
        0.0,
        "Optimization",
        "Fraction of hidden units that the next state doesn't see, one draw a window.",
        metavar="FRACTION",
        ge=0,
        lt=1,
    )
    average_decay: float = option(
        0.0,
        "Optimization",
        "Decay of an exponential average of the weights, which is then what is evaluated, such as "
        "0.999; 0: no average.",
        metavar="FRACTION",
        ge=0,
        lt=1,
    )
    schedule: Literal["constant", "cosine", "plateau"] = option(
        "constant", "Schedule", "How the learning rate changes over the run."
    )
    warmup: int = option(
        0, "Schedule", "Iterations in which the rate rises from 0 before the cosine.", ge=0
    )
    final_share: float = option(
        0.0,
        "Schedule",
        "Learning rate at the end of the cosine, as a fraction of the full one.",
        metavar="FRACTION",
        ge=0,
        le=1,
    )
    plateau_factor: float = option(
        0.5,
        "Schedule",
        "What the learning rate is multiplied by on a plateau.",
        metavar="FRACTION",
        gt=0,
        lt=1,
    )
    plateau_patience: int = option(
        2, "Schedule", "Validations without a new best before the rate is reduced.", ge=0
    )
    clip_kind: Literal["running", "value", "norm", "none"] = option(
        "running",
        "Optimization",
        "What --clip bounds: the running sums over time steps, each entry of the finished "
        "gradient, or its norm.",
    )
    clip: float | None = option(
        5.0,
        "Optimization",
        "Largest gradient, in the way that --clip-kind says; or none.",
        metavar="NUMBER|none",
        gt=0,
    )
    initialization: Literal["notebook", "orthogonal", "identity", "glorot"] = option(
        "notebook", "Network", "How the initial weights are drawn."
    )
    input_scale: float = option(
        1.0, "Network", "Factor of the initial weights of the input.", metavar="NUMBER", gt=0
    )
    recurrent_scale: float = option(
        1.0, "Network", "Factor of the initial recurrent weights.", metavar="NUMBER", ge=0
    )
    init_from: str | None = option(
        None,
        "Network",
        "Start from the best weights of another run, or from a checkpoint in its folder; its "
        "symbols and hidden units are kept, the optimizer starts anew, no weights are drawn.",
        metavar="RUN",
    )
    learn_initial_state: bool = option(
        False, "Network", "Learn the first hidden state, which otherwise is zero."
    )
    seed: int = option(1, "Network", "Seed of the initial weights and of sampling.", ge=0, lt=2**32)
    sample_every: int = option(1000, "Output", "Iterations between samples.", gt=0)
    sample_temperature: float = option(
        0.0,
        "Output",
        "Temperature of the samples; 0 takes the most probable character.",
        metavar="NUMBER",
        ge=0,
    )
    checkpoint_every: int = option(1000, "Output", "Iterations between checkpoints.", gt=0)
    validate_every: int = option(1000, "Validation", "Iterations between validations.", gt=0)
    log_every: int = option(10, "Output", "Iterations between lines of log.jsonl.", gt=0)
    patience: int = option(
        0, "Validation", "Stop after N validations in a row without a new best; 0: never.", ge=0
    )
    time_budget: float | None = option(
        None,
        "Optimization",
        "Stop after this much training time.",
        metavar="SECONDS",
        default_text="none",
        gt=0,
    )
    diagnostics: bool = option(
        False,
        "Output",
        "Measure at every checkpoint how gradients shrink or grow back in time.",
    )
    tensorboard: bool = option(
        False, "Output", "Also write a log for TensorBoard, in RUN/tensorboard."
    )
    encoding: str = option("utf-8", "Text", "Character encoding of CORPUS.", metavar="NAME")
    units: Literal["characters", "bytes"] | None = option(
        None,
        "Text",
        "What a symbol is: a character or a byte.",
        default_text="characters, and bytes for enwik8",
    )
    split: str = option(
        "90/5/5",
        "Text",
        "Percentages of the text for training, validation and test, in this order; 90/10: no "
        "test, and cut as by nanoGPT; all: training only.",
        metavar="A/B[/C]|all",
    )
    validation_file: str | None = option(
        None,
        "Text",
        "A second text for validation; all of CORPUS is then for training.",
        metavar="CORPUS",
    )
    test_file: str | None = option(
        None, "Text", "A third text for the test; needs --validation-file.", metavar="CORPUS"
    )

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
        conflict = self._conflict()
        if conflict is not None:
            raise ValueError(conflict)
        return self

    def _conflict(self) -> str | None:
        """Say which settings don't go together, if any don't."""
        default = type(self).model_fields
        plateaus = ("plateau_factor", "plateau_patience")
        scheduled = f"got them with --schedule {self.schedule}"
        reduces = any(getattr(self, name) != default[name].default for name in plateaus)
        if self.clip_kind == "none" and self.clip is not None:
            return f"--clip-kind none leaves no --clip, got {self.clip}"
        if self.clip_kind != "none" and self.clip is None:
            return f"--clip-kind {self.clip_kind} needs a --clip, got none"
        if self.momentum > 0 and self.optimizer != "sgd":
            return f"--momentum is sgd's, got it with --optimizer {self.optimizer}"
        if self.weight_decay > 0 and self.optimizer == "adagrad":
            return "--weight-decay needs another --optimizer than adagrad"
        if self.drops and self.engine != "fast":
            return f"--output-dropout and --recurrent-dropout need --engine fast, got {self.engine}"
        if (self.final_share > 0 or self.warmup > 0) and self.schedule != "cosine":
            return f"--warmup and --final-share are the cosine's, {scheduled}"
        if reduces and self.schedule != "plateau":
            return f"--plateau-factor and --plateau-patience are the plateau's, {scheduled}"
        if self.schedule == "plateau" and not self.validates:
            return f"--schedule plateau needs validation, got --split {self.split}"
        if self.patience > 0 and not self.validates:
            return f"--patience needs validation, got --split {self.split}"
        if self.validation_file is not None and self.split != ALL:
            return f"with a --validation-file there is nothing to split, got --split {self.split}"
        if self.test_file is not None and self.validation_file is None:
            return "--test-file needs a --validation-file beside it"
        if STANDARD_INPUT in (self.validation_file, self.test_file):
            return "--validation-file and --test-file can't be -: standard input is read once"
        if self.engine == "numpy" and self.dtype == "float32":
            return "--dtype float32 needs --engine torch or fast, got numpy"
        if self.warmup >= self.iterations:
            return (
                f"--warmup must be shorter than the run's {self.iterations} iterations, "
                f"got {self.warmup}"
            )
        return None

    @property
    def validates(self) -> bool:
        """Whether something of the text, or another text, is kept for validation."""
        return self.validation_file is not None or shares(self.split)[1] > 0

    @property
    def drops(self) -> bool:
        """Whether training drops hidden states, of either kind."""
        return self.output_dropout > 0 or self.recurrent_dropout > 0

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


DEFAULTS = Settings().model_dump()
