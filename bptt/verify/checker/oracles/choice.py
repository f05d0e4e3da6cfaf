"""Choose the best oracle that is valid for a loss.

For torch losses it is autograd, for NumPy losses the complex step. Either must agree with central
differences along random directions of unequal magnitudes. If it doesn't, or can't be applied,
central differences are the oracle, and the report says why the other was rejected.

Sources: Squire and Trapp (1998) for the complex step; see differences.py for the others.
"""

import warnings
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..calls import CaseError, call
from ..evaluated_problem import UNITS, Arrays, Loss, scalar, to_array
from . import differences
from .noise import loss_noise
from .precision import loss_is_single

STEP = 1e-20
NEARER = (1e-2, 1e-4, 1e-6)  # smaller steps of differences, for when the usual ones cross a kink
LEAST_CONTRADICTION = 1e-8  # relative: the error estimates of differences are only estimates
DIRECTIONS = 2  # in each parameter, for comparing an oracle with central differences
AUTOGRAD, COMPLEX, DIFFERENCES = "autograd", "complex step", "central differences"


class RefutedError(Exception):
    """Central differences contradict an oracle in an entry that is to be judged."""

    def __init__(self, oracle: "Oracle", reason: str) -> None:
        super().__init__(reason)
        self.oracle = oracle
        self.reason = reason


@dataclass
class Oracle:
    """A method that computes directional derivatives of one loss at its point.

    `dtype` is that of the parameters given to the loss, `arithmetic` the one that it computes in,
    `noise` the standard deviation of the loss's rounding there. `gradient` is the whole gradient,
    for methods that compute it at once. `rejected` lists why better oracles were rejected.
    """

    name: str
    loss: Loss
    dtype: str
    arithmetic: str
    noise: float
    gradient: Arrays | None = None
    rejected: list[str] = field(default_factory=list)

    @property
    def description(self) -> str:
        return self.name if self.arithmetic == "float64" else f"{self.name} in {self.arithmetic}"

    @cached_property
    def unit(self) -> float:
        """The unit roundoff to which its results can be trusted."""
        height = abs(self.loss(self.loss.point, self.dtype))
        loud = self.arithmetic == "float32" or self.noise > 1e-11 * max(height, 1e-3)
        return 2.0**-24 if loud else 2.0**-53

    def slope(self, direction: Arrays) -> tuple[float, float]:
        """Return the directional derivative, and an estimate of its error beyond rounding."""
        if self.gradient is not None:
            slopes = (np.sum(self.gradient[name] * part) for name, part in direction.items())
            return float(sum(slopes)), 0.0
        if self.name == COMPLEX:
            return complex_slope(self.loss, direction), 0.0
        return self.difference(direction)

    def difference(self, direction: Arrays, start: float = 1.0) -> tuple[float, float]:
        """Return the directional derivative by central differences, and its estimated error."""
        size = np.sqrt(sum(np.sum(part**2) for part in direction.values()))
        along = differences.line(self.loss, direction, self.dtype)
        return differences.slope(along, self.noise, start * differences.START / size)

    def replaced(self, reason: str) -> "Oracle":
        """Return central differences as the oracle, with the reason for the report."""
        rejected = [*self.rejected, f"{self.name}: {reason}"]
        loss = replace(self.loss, complex_buffers=False)
        return Oracle(DIFFERENCES, loss, self.dtype, self.arithmetic, self.noise, None, rejected)


def choose(loss: Loss, rng: np.random.Generator) -> Oracle:
    """Return the best valid oracle. Raises CaseError where the loss can't be evaluated."""
    height = loss(loss.point)
    if not np.isfinite(height):
        raise CaseError("not finite", f"the loss is {height}")
    dtype, spread = finest_dtype(loss, height)
    direction = differences.astray(loss, rng)
    along = differences.line(loss, direction, dtype)
    nearly_nothing = {name: 0.03 * value for name, value in loss.point.items()}
    elsewhere = differences.line(replace(loss, point=nearly_nothing), direction, dtype)
    arithmetic = "float32" if loss_is_single(loss, dtype, rng) else dtype
    noise = max(
        differences.noise_of(along, UNITS[arithmetic], elsewhere),
        loss_noise(loss, dtype, arithmetic),
        spread,
    )
    candidate = Oracle(DIFFERENCES, loss, dtype, arithmetic, noise)
    reason = None
    if loss.device is None:
        own = replace(candidate, name=COMPLEX, dtype="float64")
        reason = complex_refusal(loss, direction, height)
        if reason is not None:
            # It may only need its buffers to be complex.
            own = replace(own, loss=replace(loss, complex_buffers=True))
            if complex_refusal(own.loss, direction, height) is None:
                reason = None
        candidate = own
    elif not loss.autograd:
        return candidate
    else:
        try:
            gradient = autograd_of(loss, loss.wrap(loss.point, dtype))
            candidate = replace(candidate, name=AUTOGRAD, gradient=gradient)
        except CaseError as trouble:
            candidate, reason = replace(candidate, name=AUTOGRAD), trouble.message
    reason = reason or disagreement(candidate, rng)
    return candidate if reason is None else candidate.replaced(reason)


def finest_dtype(loss: Loss, height: float) -> tuple[str, float]:
    """Return float64 if the loss accepts it and is nearly the same there; else its own dtype.

    In the latter case the second value is the difference, presumably due to rounding.
    """
    if loss.dtype == "float64":
        return "float64", 0.0
    try:
        finer = loss(loss.point, "float64")
    except CaseError:
        return loss.dtype, 0.0
    spread = abs(finer - height)
    if spread <= 1e-2 * max(abs(height), 1.0):
        return "float64", 0.0
    return loss.dtype, spread if np.isfinite(spread) else 0.0


def autograd_of(loss: Loss, values: dict[str, Any]) -> Arrays:
    """Return PyTorch's gradient at these values. Raises CaseError where the graph is missing."""
    import torch

    for value in values.values():
        value.requires_grad_()
    with torch.enable_grad():
        result = loss.evaluate(values)
    scalar(result)
    if not isinstance(result, torch.Tensor) or result.grad_fn is None:
        raise CaseError(
            "broken", "the loss is cut off from the parameters (detach, item, no_grad?)"
        )
    slopes = call(
        "autograd",
        lambda: torch.autograd.grad(result, list(values.values()), allow_unused=True),
        limit=loss.limit,
    )
    return {
        name: np.zeros(value.shape) if slope is None else to_array(slope).astype(np.float64)
        for (name, value), slope in zip(loss.point.items(), slopes, strict=True)
    }


def complex_slope(loss: Loss, direction: Arrays) -> float:
    """Return Im L(θ + ihu) / h. Raises CaseError where the loss doesn't accept complex numbers."""
    moved = {name: value.astype(np.complex128) for name, value in loss.point.items()}
    for name, part in direction.items():
        moved[name] += 1j * STEP * part
    with warnings.catch_warnings():
        warnings.simplefilter("error", np.exceptions.ComplexWarning)
        result: Any = loss.evaluate(moved)
    value = np.asarray(result)
    if value.size != 1 or value.dtype.kind != "c":
        raise CaseError("broken", f"the loss of complex parameters is {value.dtype.name}")
    return complex(value.item()).imag / STEP


def complex_refusal(loss: Loss, direction: Arrays, height: float) -> str | None:
    """Return why the complex step can't be used, None if it can."""
    try:
        found = complex_slope(loss, direction)
        here = {name: value.astype(np.complex128) for name, value in loss.point.items()}
        level = complex(np.asarray(loss.evaluate(here)).item())
    except CaseError as trouble:
        return trouble.message
    if not np.isfinite(found):
        return f"it gives {found}"
    if level.imag != 0.0 or not abs(level.real - height) <= 1e-3 * max(abs(height), 1e-3):
        return "the loss differs for complex parameters"
    return None


def disagreement(candidate: Oracle, rng: np.random.Generator) -> str | None:
    """Return in which parameter an oracle disagrees with central differences, None if in none.

    An oracle can be invalid for a loss: `abs` drops the imaginary part, `detach` cuts the graph,
    and a custom backward pass may be the one to be verified. The copies of a parameter for each
    time step are moved together, and each entry by a different distance, since equal ones can
    cancel (a standardisation of two entries is constant along them). If central differences depend
    on their steps, these crossed a kink, and smaller steps decide.
    """
    names: dict[str, list[str]] = {}
    for key in candidate.loss.point:
        names.setdefault(key.partition("@")[0], []).append(key)
    directions = [
        (name, differences.uneven(candidate.loss, keys, rng))
        for name, keys in names.items()
        for _ in range(DIRECTIONS)
    ]
    for name, direction in directions:
        said, _ = candidate.slope(direction)
        if not np.isfinite(said):
            return f"it gives {said} in {name}"
        if contradicted(candidate, direction):
            return f"it disagrees with {DIFFERENCES} in {name}"
    return None


def contradicted(candidate: Oracle, direction: Arrays) -> bool:
    """Whether central differences contradict an oracle's derivative along a direction."""

    def differ(said: float, other: float, error: float) -> bool:
        least = max(1e4 * candidate.unit, LEAST_CONTRADICTION) * abs(said)
        return not abs(said - other) <= 8.0 * error + least

    said, _ = candidate.slope(direction)
    expected, error = candidate.difference(direction)
    return differ(said, expected, error) and not any(
        differ(expected, nearer, error + its_error) and not differ(said, nearer, its_error)
        for nearer, its_error in (candidate.difference(direction, start) for start in NEARER)
    )
