"""Compare engines in lockstep, where they must agree, and in free training, where they can't.

In lockstep, all engines compute the gradient of the same window at the same weights in each
iteration, so that they differ by the rounding of one gradient. In free training each engine updates
its own weights; training is chaotic, and differences in the last bit soon reach the first.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

import reference
from reference import Gradients, Hyperparameters, Parameters

from ...engines.registry import ENGINES, Window, over_tensors
from ...training.base import next_window
from . import autograd
from .tolerances import FLOAT32, FLOAT64, Precision, error_bounds, largest_fraction_of_bound

NAMES = tuple(field.name for field in fields(Parameters))
NUDGE = 1e-15


@dataclass(frozen=True)
class Contender:
    """An engine to compare: its gradient of a window, its precision, and how it starts training."""

    description: str
    precision: Precision = FLOAT64
    gradient: Callable[[Parameters, Window, float | None], Gradients] | None = None
    start: Callable[..., Any] | None = None  # as the constructor of reference.Training


def _start_nudged(text: np.ndarray, hyperparameters: Hyperparameters, **more: Any) -> Any:
    training = reference.Training(text, hyperparameters, **more)
    signs = np.random.default_rng(0)
    for value in training.parameters:
        value += NUDGE * signs.choice([-1, 1], value.shape)
    return training


CONTENDERS = {
    **{
        engine.key: Contender(
            engine.description,
            FLOAT64 if engine.dtype == "float64" else FLOAT32,
            engine.gradient,
            engine.start,
        )
        for engine in ENGINES
    },
    "autograd": Contender(
        "autograd's per-step contributions, folded with the running clip",
        FLOAT64,
        over_tensors(autograd.clipped_gradient, "float64"),
    ),
    "nudged": Contender(
        f"the reference, every weight moved by {NUDGE}", FLOAT64, start=_start_nudged
    ),
}


@dataclass(frozen=True)
class Comparison:
    """One iteration in lockstep, one engine against the base.

    `differences` holds, for each parameter, the largest difference relative to the base's largest
    entry, with the running clip; `plain_differences` without it. `clipped` is the number of entries
    that the clip changed by more than rounding can, in the base and in the engine. `share` is the
    largest difference as a fraction of the bound on rounding (the sum of both engines' bounds).
    """

    iteration: int
    engine: str
    differences: dict[str, float]
    plain_differences: dict[str, float]
    clipped: tuple[int, int]
    share: float

    @property
    def worst(self) -> float:
        return max(*self.differences.values(), *self.plain_differences.values())


def run_in_lockstep(
    training: reference.Training, base: str, engines: list[str]
) -> Iterator[Comparison]:
    """Compare every engine with the base at each iteration of a reference training.

    The reference training's own gradients update the weights. Engines without a gradient function
    of their own are skipped.
    """
    engines = [engine for engine in engines if CONTENDERS[engine].gradient is not None]
    while training.iteration < training.hyperparameters.iterations:
        window = next_window(training)
        parameters, clip = training.parameters, training.clip
        expected = _both(base, parameters, window, clip)
        precisions = {CONTENDERS[name].precision for name in (base, *engines)}
        bounds = {precision: _bounds(precision, parameters, window) for precision in precisions}
        for engine in engines:
            computed = _both(engine, parameters, window, clip)
            allowed = _sum(bounds[CONTENDERS[name].precision] for name in (base, engine))
            yield Comparison(
                training.iteration + 1,
                engine,
                relative_differences(computed[0], expected[0]),
                relative_differences(computed[1], expected[1]),
                (_changed(*expected, allowed), _changed(*computed, allowed)),
                max(largest_fraction_of_bound(computed[0], expected[0], allowed).values()),
            )
        training.step()


def _both(
    engine: str, parameters: Parameters, window: Window, clip: float | None
) -> tuple[Gradients, Gradients]:
    """Return the gradient with the clip and the one without."""
    gradient = CONTENDERS[engine].gradient
    if gradient is None:
        raise ValueError(f"{engine} computes no gradient of its own")
    return gradient(parameters, window, clip), gradient(parameters, window, None)


def _changed(clipped: Gradients, plain: Gradients, rounding: Gradients) -> int:
    """Count the entries that the clip changed by more than rounding can."""
    return sum(
        int(np.count_nonzero(np.abs(a - b) > allowed))
        for a, b, allowed in zip(clipped, plain, rounding, strict=True)
    )


def _bounds(precision: Precision, parameters: Parameters, window: Window) -> Gradients:
    # The weights are float64 numbers: engines in float32 get them rounded.
    rounded = precision == FLOAT32
    return error_bounds(parameters, *window, precision, rounded_first=rounded).gradients


def _sum(bounds: Iterable[Gradients]) -> Gradients:
    return Gradients(*(a + b for a, b in zip(*bounds, strict=True)))


def relative_differences(computed: Gradients, expected: Gradients) -> dict[str, float]:
    """Return the largest difference of each parameter relative to its largest expected entry."""
    return {name: _relative(getattr(computed, name), getattr(expected, name)) for name in NAMES}


def _relative(computed: np.ndarray, expected: np.ndarray) -> float:
    difference, size = np.abs(computed - expected).max(), np.abs(expected).max()
    if difference == 0.0:
        return 0.0
    return float(difference / size) if size > 0.0 else np.inf


def run_free(
    text: np.ndarray,
    hyperparameters: Hyperparameters,
    base: str,
    engines: list[str],
    watched: Callable[[range], Iterable[int]] = iter,
    **settings: Any,
) -> dict[str, list[float]]:
    """Train every engine by itself; return its gap to the base after each iteration.

    The gap is the largest difference between two weights relative to the largest weight. Engines
    that don't train are skipped. `watched` wraps the range of iterations (in a progress display,
    say); `settings` are those of Training. Raises ValueError where the base doesn't train.
    """
    runs = {
        name: start(text, hyperparameters, **settings)
        for name in (base, *engines)
        if (start := CONTENDERS[name].start) is not None
    }
    if base not in runs:
        raise ValueError(f"{base} doesn't train, so there is nothing to compare the others with")
    gaps: dict[str, list[float]] = {name: [] for name in runs if name != base}
    for _ in watched(range(hyperparameters.iterations)):
        for run in runs.values():
            run.step()
        for name, sizes in gaps.items():
            sizes.append(_gap(runs[name].parameters, runs[base].parameters))
    return gaps


def _gap(ours: Any, theirs: Any) -> float:
    pairs = [
        (np.asarray(a, float), np.asarray(b, float)) for a, b in zip(ours, theirs, strict=True)
    ]
    difference = max(np.abs(a - b).max() for a, b in pairs)
    return float(difference / max(np.abs(b).max() for _, b in pairs))
