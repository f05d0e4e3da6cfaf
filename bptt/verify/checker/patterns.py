"""In what way is it wrong? Hypotheses, each tried on several cases; the first that explains all.

A hypothesis explains a gradient if what it predicts is as near to it as rounding allows, or a
thousand times nearer than the truth.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .subject import Arrays


@dataclass(frozen=True)
class Evidence:
    """One parameter at one case where it is wrong, and what else was there."""

    name: str
    mine: np.ndarray
    true: np.ndarray
    allowed: np.ndarray
    value: np.ndarray
    all_true: Arrays
    sizes: dict[str, int]
    shares: list[Arrays] | None = None

    @property
    def off(self) -> np.ndarray:
        return self.mine - self.true

    @property
    def wrong(self) -> np.ndarray:
        return ~(np.abs(self.off) <= self.allowed)

    def explained_by(self, prediction: np.ndarray) -> bool:
        if prediction.shape != self.mine.shape:
            return False
        left = np.abs(self.mine - prediction)
        nearer = 1e-3 * np.abs(self.off).max()
        return bool((left <= np.maximum(np.where(np.isfinite(self.allowed), self.allowed, 0.0),
                                        nearer)).all())  # fmt: skip


Hypothesis = Callable[[Sequence[Evidence]], str | None]


def explain(evidence: Sequence[Evidence]) -> str:
    """Return the first pattern that all the evidence fits, or an empty string."""
    if not evidence:
        return ""
    if not all(np.isfinite(one.mine).all() for one in evidence):
        return "not finite"
    for hypothesis in HYPOTHESES:
        found = hypothesis(evidence)
        if found:
            return found
    return ""


def _zero(evidence: Sequence[Evidence]) -> str | None:
    return "zero" if all(not one.mine.any() for one in evidence) else None


def _true_is_zero(evidence: Sequence[Evidence]) -> str | None:
    if all(not any(value.any() for value in one.all_true.values()) for one in evidence):
        return "should be zero, as the whole gradient is there"
    return "should be zero" if all(not one.true.any() for one in evidence) else None


def _constant_factor(evidence: Sequence[Evidence]) -> str | None:
    factors = [float(np.sum(one.mine * one.true) / np.sum(one.true**2)) for one in evidence
               if one.true.any()]  # fmt: skip
    if len(factors) < len(evidence):
        return None
    if not all(
        one.explained_by(factor * one.true) for one, factor in zip(evidence, factors, strict=True)
    ):
        return None
    middle = float(np.median(factors))
    if max(abs(factor - middle) for factor in factors) <= 1e-2 * abs(middle - 1.0):
        if abs(middle + 1.0) < 1e-9:
            return "sign: minus the true gradient"
        near_one = abs(middle - 1.0) < 1e-3
        return f"constant factor {f'1{middle - 1.0:+.3g}' if near_one else f'{middle:.6g}'}"
    for name in evidence[0].sizes:
        sizes = [one.sizes[name] for one in evidence]
        for word, power in ((name, 1.0), (f"1/{name}", -1.0)):
            if np.allclose(factors, np.power(np.array(sizes, float), power), rtol=1e-6):
                return f"constant factor {word}"
    return None


def _transposed(evidence: Sequence[Evidence]) -> str | None:
    fits = all(
        one.mine.ndim == 2 and one.mine.shape[0] > 1 and one.explained_by(one.true.T)
        for one in evidence
    )
    return "transposed" if fits else None


def _rolled(evidence: Sequence[Evidence]) -> str | None:
    for axis in range(evidence[0].mine.ndim):
        for by in (1, -1):
            if all(one.explained_by(np.roll(one.true, by, axis)) for one in evidence):
                what = ("row", "column")[axis] if axis < 2 else f"place on axis {axis}"
                return f"shifted by one {what if evidence[0].mine.ndim > 1 else 'entry'}"
    return None


def _another(evidence: Sequence[Evidence]) -> str | None:
    for other in evidence[0].all_true:
        if other != evidence[0].name and all(
            one.explained_by(one.all_true[other]) for one in evidence
        ):
            return f"the gradient of {other}"
    return None


def _weights_of_steps(evidence: Sequence[Evidence]) -> str | None:
    """Whether it counts the true shares of the time steps, but not each of them once."""
    said = set()
    for one in evidence:
        T = one.sizes.get("T", 1)
        if T < 2:
            continue
        if one.shares is None or one.mine.size < T:
            return None
        columns = np.stack([share[one.name].ravel() for share in one.shares], axis=1)
        if np.linalg.matrix_rank(columns) < T:
            return None
        weights = np.linalg.lstsq(columns, one.mine.ravel(), rcond=None)[0]
        if not one.explained_by((columns @ weights).reshape(one.mine.shape)):
            return None
        weights = np.round(weights, 6) + 0.0
        odd = [t for t, weight in enumerate(weights) if weight != 1.0]
        if odd == [0] and weights[0] == 0.0:
            said.add("missing the first step")
        elif odd == [T - 1] and weights[-1] == 0.0:
            said.add("missing the last step")
        elif odd == list(range(T - 1)) and not weights[:-1].any():
            said.add("only the last step")
        else:
            listed = ", ".join(f"{weight:g}" for weight in weights)
            said.add(f"counts its steps with the weights {listed}")
    return said.pop() if len(said) == 1 else None


def _added_parameter(evidence: Sequence[Evidence]) -> str | None:
    rates = [float(np.sum(one.off * one.value) / np.sum(one.value**2)) for one in evidence
             if one.value.any()]  # fmt: skip
    fits = len(rates) == len(evidence) and all(
        one.mine.size > 1 and one.explained_by(one.true + rate * one.value)
        for one, rate in zip(evidence, rates, strict=True)
    )
    if fits and np.ptp(rates) <= 1e-2 * abs(rates[0]):
        return f"{rates[0]:+.6g} times the parameter is added"
    return None


def _clipped(evidence: Sequence[Evidence]) -> str | None:
    bounds = [float(np.abs(one.mine).max()) for one in evidence]
    fits = all(
        one.mine.size > 1 and one.explained_by(np.clip(one.true, -bound, bound))
        for one, bound in zip(evidence, bounds, strict=True)
    )
    if fits and np.ptp(bounds) <= 1e-6 * bounds[0]:
        return f"clipped at {bounds[0]:.6g}"
    return None


def _confined(evidence: Sequence[Evidence]) -> str | None:
    """Whether only one entry, row, column or diagonal is wrong, of several."""
    places = [np.argwhere(one.wrong) for one in evidence]
    if any(len(found) == 0 for found in places):
        return None
    shape = evidence[0].mine.shape
    if all(len(found) == 1 and one.mine.size > 1 for found, one in zip(places, evidence,
                                                                       strict=True)):  # fmt: skip
        same = {tuple(map(int, found[0])) for found in places}
        where = ", ".join(map(str, same.pop())) if len(same) == 1 else "another in each case"
        return f"one entry ({where})"
    if len(shape) != 2:
        return None
    for axis, what in ((0, "row"), (1, "column")):
        other_is_wide = all(one.mine.shape[axis] > 1 and one.true.any(axis=1 - axis).sum() > 1
                            for one in evidence)  # fmt: skip
        hit = [set(found[:, axis].tolist()) for found in places]
        if other_is_wide and all(len(rows) == 1 for rows in hit):
            rows = {rows.pop() for rows in hit}
            return f"one {what} ({rows.pop() if len(rows) == 1 else 'another in each case'})"
    if all((found[:, 0] == found[:, 1]).all() for found in places) and min(shape) > 1:
        return "the diagonal"
    return None


def _by_rows_or_columns(evidence: Sequence[Evidence]) -> str | None:
    """Whether a product of two vectors has one right and one wrong factor, in a sum of one step."""
    if evidence[0].mine.ndim != 2 or min(evidence[0].mine.shape) < 2:
        return None
    for axis, what in (
        (1, "each row has a factor of its own: the signal from above is wrong"),
        (0, "each column has a factor of its own: what it is multiplied with is wrong"),
    ):
        fits = []
        for one in evidence:
            squares = np.sum(one.true**2, axis=axis, keepdims=True)
            products = np.sum(one.mine * one.true, axis=axis, keepdims=True)
            factors = np.divide(products, squares, out=np.zeros_like(squares), where=squares > 0)
            fits.append(one.explained_by(factors * one.true))
        if all(fits):
            return what
    return None


def _noise(evidence: Sequence[Evidence]) -> str | None:
    sizes = [float(np.abs(one.off).max() / np.abs(one.true).max()) for one in evidence
             if one.true.any()]  # fmt: skip
    if sizes and max(sizes) < 1e-5:
        said = f"noise of {max(sizes):.1g} of the largest entry"
        return said + (", as float32 brings" if max(sizes) > 1e-9 else "")
    return None


HYPOTHESES: tuple[Hypothesis, ...] = (
    _true_is_zero,
    _zero,
    _constant_factor,
    _transposed,
    _another,
    _rolled,
    _weights_of_steps,
    _added_parameter,
    _clipped,
    _confined,
    _by_rows_or_columns,
    _noise,
)
