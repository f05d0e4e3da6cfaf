"""Search spaces, written down in TOML, and the settings drawn from them.

A space has `model`, a table `fixed` of settings, and a table `drawn` of what each other setting is
drawn from: `{choice = [...]}`, `{uniform = [lowest, highest]}` or `{log = [lowest, highest]}`.
Three names stand for settings that depend on the sizes: `clip_per_character` (times the characters
of a window is the clip of the norm; "none" for no clip), `warmup_fraction` (of the iterations) and
`average_windows` (1 - 1 / this is average_decay; 0 for no average).
"""

import math
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field, ValidationError, model_validator

from bptt import settings_file
from bptt.errors import InputError
from bptt.strict import Strict, explain

SPACES = Path(__file__).parent / "spaces"
EIGHTHS = (1, 2, 4, 8)  # of a trial, after which the better half of the trials goes on
LOGGED = 5  # lines of the log between two validations
MODELS = ("rnn", "lstm", "gru", "mingru")


class Drawn(Strict):
    """What a setting is drawn from: exactly one of the three."""

    choice: list[Any] | None = Field(None, min_length=1)
    uniform: list[float] | None = Field(None, min_length=2, max_length=2)
    log: list[float] | None = Field(None, min_length=2, max_length=2)

    @model_validator(mode="after")
    def _is_one(self) -> "Drawn":
        if len(self.model_dump(exclude_none=True)) != 1:
            raise ValueError("expected one of choice, uniform and log")
        lowest, highest = self.uniform or self.log or [1.0, 1.0]
        if not lowest <= highest or (self.log and lowest <= 0):
            raise ValueError(f"expected the lowest and the highest, got {lowest}, {highest}")
        return self

    def draw(self, rng: np.random.Generator) -> Any:
        """Draw a value; numbers of a range have two significant digits."""
        if self.choice is not None:
            return self.choice[rng.integers(len(self.choice))]
        if self.uniform is not None:
            lowest, highest = self.uniform
            return float(f"{rng.uniform(lowest, highest):.2g}")
        assert self.log is not None
        lowest, highest = map(math.log, self.log)
        return float(f"{math.exp(rng.uniform(lowest, highest)):.2g}")


class Space(Strict):
    """A search space of one model."""

    model: Literal["rnn", "lstm", "gru", "mingru"]
    fixed: dict[str, Any]
    drawn: dict[str, Drawn]

    @model_validator(mode="after")
    def _say_each_setting_once(self) -> "Space":
        twice = sorted(self.fixed.keys() & self.drawn.keys())
        if twice:
            raise ValueError(f"{twice[0]} can't be both fixed and drawn")
        return self


def read(path: Path) -> Space:
    """Read a space. Raises InputError if the file can't be read or isn't one."""
    try:
        return Space.model_validate(settings_file.load(path))
    except ValidationError as error:
        raise InputError(f"{path}: {explain(error)}") from error


def draw(space: Space, seed: int, number: int, characters: int, validations: int) -> dict[str, Any]:
    """Return the settings of trial `number`, which learns from at most `characters` characters.

    Trials don't depend on each other: a search with more of them begins with the same ones. Raises
    InputError if the characters don't suffice for an iteration a validation.
    """
    rng = np.random.default_rng([seed, number])
    given = dict(space.fixed)
    for name, drawn in space.drawn.items():
        given[name] = drawn.draw(rng)
    return scaled(given, characters, validations)


def scaled(given: dict[str, Any], characters: int, validations: int) -> dict[str, Any]:
    """Return settings for a training on at most `characters` characters, validated that often."""
    size = given["seq_length"] * given["lanes"]
    every = characters // (size * validations)
    if every < 1:
        raise InputError(
            f"a trial must have at least {size * validations:,} characters: {validations} "
            f"validations, {size} characters a window; got {characters:,}"
        )
    iterations = every * validations
    found = dict(given) | {
        "iterations": iterations,
        "validate_every": every,
        "log_every": max(1, every // LOGGED),
    }
    if "clip_per_character" in found:
        clip = found.pop("clip_per_character")
        found |= {"clip_kind": "none"} if clip == "none" else {"clip_kind": "norm"}
        if clip != "none":
            found["clip"] = float(f"{clip * size:.6g}")
    if "warmup_fraction" in found:
        found["warmup"] = int(found.pop("warmup_fraction") * iterations)
    if "average_windows" in found:
        over = found.pop("average_windows")
        found["average_decay"] = float(f"{1 - 1 / over:.6g}") if over else 0.0
    return found
