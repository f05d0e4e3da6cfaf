"""The settings of an audit."""

from dataclasses import dataclass

from bptt.errors import InputError


@dataclass(frozen=True)
class Settings:
    """`backward` names the backward passes to audit (all that are found, if there are none),
    `gradients` those of their gradients. `factor` is how far from 1 a factor must be seen.

    `runs` is how often the tests run undisturbed, `time_limit` the longest that one run may take,
    in seconds, and `budget` that of the whole audit.
    """

    backward: tuple[str, ...] = ()
    gradients: tuple[str, ...] = ()
    factor: float = 1e-3
    runs: int = 3
    time_limit: float = 60.0
    budget: float = 600.0

    def __post_init__(self) -> None:
        if not 0.0 < self.factor < 1.0:
            raise InputError(f"--factor must be above 0 and below 1, got {self.factor}")
        if self.runs < 1:
            raise InputError(f"--runs must be at least 1, got {self.runs}")
        for name in ("time_limit", "budget"):
            seconds = getattr(self, name)
            if not 0.0 < seconds < float("inf"):
                option = name.replace("_", "-")
                raise InputError(f"--{option} must be a positive number of seconds, got {seconds}")
