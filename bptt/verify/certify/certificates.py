"""Certify the digits of each engine's gradient that are right, by ball arithmetic.

For an entry with true value g and computed value c:

- its *own* digits are −log10(|c − g| / |g|): how good this entry is;
- its digits *of the largest* are −log10(|c − g| / max |g|), the maximum taken over the entries of
  its parameter: how good the gradient is as a vector. Small entries have more of these.

|c − g| is the largest and |g| the smallest value that the enclosure permits, so the digits are
proved, not estimated. Negative digits count as 0, those of exact entries as MOST. Entries whose
exact and computed values are both 0 (columns of symbols that don't occur in a window) don't count:
their digits are NaN. A wrong 0 has 0 digits.

R and C are the rows and columns of a parameter.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float

from reference import Gradients, Parameters

from ...engines import registry
from ...engines.registry import Window
from ..network import autograd
from .balls import enclose
from .enclosure import Enclosure

RADIUS = 1e-60  # far below float64's last bit of any entry that matters
MOST = 60.0
NAMES = tuple(field.name for field in fields(Parameters))


TITLES = {"numpy": "reference", "torch": "twin"}


@dataclass(frozen=True)
class Engine:
    """An engine to certify; `clips` says whether it can apply the running clip."""

    name: str
    dtype: str
    by_hand: bool
    clips: bool
    gradient: Callable[[Parameters, Window, float | None], Gradients]


def _engines() -> Iterator[Engine]:
    for dtype in ("float64", "float32"):
        for own in registry.ENGINES:
            if own.dtype == dtype:
                yield Engine(TITLES.get(own.name, own.name), dtype, True, True, own.gradient)
        folded = registry.over_tensors(autograd.clipped_gradient, dtype)
        yield Engine("autograd", dtype, by_hand=False, clips=True, gradient=folded)
        module = registry.over_tensors(autograd.module_gradient, dtype)
        yield Engine("nn.RNN", dtype, by_hand=False, clips=False, gradient=module)


ENGINES = tuple(_engines())


@dataclass(frozen=True)
class Digits:
    """The right digits of one parameter's entries, in one engine's gradient."""

    own: Float[np.ndarray, "R C"]
    of_largest: Float[np.ndarray, "R C"]


def worst_and_median(digits: Float[np.ndarray, "..."]) -> tuple[float, float] | None:
    """Return the worst and the median digits of the entries that count; None if none does."""
    counted = digits[~np.isnan(digits)]
    return (float(counted.min()), float(np.median(counted))) if len(counted) else None


@dataclass(frozen=True)
class Certificate:
    """The proved digits of one engine on one window, by parameter.

    `weights` says where the weights are from. `radius` is the largest of the enclosure, `clipped`
    the number of entries that the clip changed.
    """

    engine: Engine
    weights: str
    clip: float | None
    radius: float
    clipped: int
    digits: dict[str, Digits]


def certify(
    weights: str, parameters: Parameters, window: Window, clip: float | None
) -> Iterator[Certificate]:
    """Certify every engine on a window, without the clip and then, if it has one, with it.

    Weights and state are rounded to float32 first, so that both formats represent them exactly and
    all engines compute the same gradient. `weights` says where they are from.

    Raises FloatingPointError as reference.forward does.
    """
    parameters = Parameters(*(_rounded(value) for value in parameters))
    inputs, targets, state = window
    window = inputs, targets, _rounded(state)
    for setting in (None,) if clip is None else (None, clip):
        enclosure = enclose(parameters, *window, clip=setting, radius=RADIUS)
        clipped = sum(int(mask.sum()) for mask in enclosure.clipped.values())
        for engine in ENGINES:
            if setting is None or engine.clips:
                computed = engine.gradient(parameters, window, setting)
                digits = correct_digits(computed, enclosure)
                yield Certificate(engine, weights, setting, enclosure.radius, clipped, digits)


def correct_digits(computed: Gradients, enclosure: Enclosure) -> dict[str, Digits]:
    """Return the digits of each parameter's entries that are proved right."""
    _, furthest = enclosure.distances(computed)
    nearest = enclosure.sizes()
    return {name: _digits(getattr(furthest, name), getattr(nearest, name)) for name in NAMES}


def _digits(error: Float[np.ndarray, "R C"], size: Float[np.ndarray, "R C"]) -> Digits:
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):  # 0 / 0 must be NaN
        own, of_largest = -np.log10(error / size), -np.log10(error / size.max())
    of_largest[(error == 0) & (size == 0)] = np.nan
    return Digits(np.clip(own, 0.0, MOST), np.clip(of_largest, 0.0, MOST))


def _rounded(value: np.ndarray) -> np.ndarray:
    return value.astype(np.float32).astype(np.float64)
