"""The settings of the checks that only functions with their own backward pass have."""

from dataclasses import dataclass

from bptt.errors import InputError

from .lower_precision.comparison import UNIT_OF

RACE_SECONDS = 2.0


@dataclass(frozen=True)
class BackwardSettings:
    """The settings of the checks.

    `dtypes` are the lower precisions: float32, bfloat16, float16. `race_seconds` is the time for
    repeating the same call. `order` is 2 if the gradient of the gradient is checked as well.

    Raises InputError for other values.
    """

    dtypes: tuple[str, ...] = ("float32",)
    race_seconds: float = RACE_SECONDS
    order: int = 1

    def __post_init__(self) -> None:
        unknown = sorted(set(self.dtypes) - UNIT_OF.keys())
        if unknown:
            raise InputError(f"dtypes: expected some of {', '.join(UNIT_OF)}, got {unknown[0]}")
        if self.order not in (1, 2):
            raise InputError(f"order must be 1 or 2, got {self.order}")
        if not 0.0 <= self.race_seconds < float("inf"):
            raise InputError(f"race_seconds must be a number of seconds, got {self.race_seconds}")
