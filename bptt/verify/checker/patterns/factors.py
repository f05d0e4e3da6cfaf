"""Hypotheses that a gradient is a multiple of the expected one, or is off by simple terms."""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from .evidence import ENOUGH, Evidence, distinct

NEGLIGIBLE = 1e-9
SAME = 1e-6  # relative difference of equal factors
MEANING = {
    1.0: ": a sum where a mean is expected?",
    -1.0: ": a mean where a sum is expected?",
}


def zero(evidence: Sequence[Evidence]) -> str | None:
    def vanishes(one: Evidence) -> bool:
        size = float(np.abs(one.expected).max(initial=0.0))
        rounding = np.where(np.isfinite(one.allowed), one.allowed, 0.0)
        return bool((np.abs(one.computed) <= np.maximum(rounding, NEGLIGIBLE * size)).all())

    return "zero" if all(map(vanishes, evidence)) else None


def expected_is_zero(evidence: Sequence[Evidence]) -> str | None:
    def vanishes(one: Evidence, name: str) -> bool:
        size = float(np.abs(one.computed).max(initial=0.0))
        return bool((np.abs(one.expected_of(name)) <= NEGLIGIBLE * size).all())

    if not all(vanishes(one, one.name) for one in evidence):
        return None
    if all(vanishes(one, name) for one in evidence for name in one.others):
        return "should be zero, as the whole gradient is there"
    return "should be zero"


def factor_of(one: Evidence) -> float | None:
    """Return the multiple of the expected gradient that explains a case, None if none does."""
    squares = float(np.sum(one.expected**2))
    if squares == 0.0:
        return None
    factor = float(np.sum(one.computed * one.expected)) / squares
    return factor if one.explained_by(factor * one.expected) else None


def factors_of(evidence: Sequence[Evidence]) -> list[float] | None:
    found = []
    for one in evidence:
        factor = factor_of(one)
        if factor is None:
            return None
        found.append(factor)
    return found


def constant_factor(evidence: Sequence[Evidence]) -> str | None:
    found = factors_of(evidence)
    if found is None:
        return None
    middle = float(np.median(found))
    if not all(one.explained_by(middle * one.expected) for one in evidence):
        return None
    if abs(middle + 1.0) < 1e-9:
        return "sign: minus the true gradient"
    near_one = abs(middle - 1.0) < 1e-3
    return f"constant factor {f'1{middle - 1.0:+.3g}' if near_one else f'{middle:.6g}'}"


def factor_of_sizes(evidence: Sequence[Evidence]) -> str | None:
    """Whether the factor is an integer of the problem, or its inverse: a mean for a sum, say."""
    found = factors_of(evidence)
    if found is None:
        return None
    factors = np.array(found)
    for times, said in ((1.0, ""), (2.0, "2 "), (0.5, "1/2 "), (-1.0, "-")):
        for power in (1.0, -1.0, 0.5, -0.5):
            for word, numbers in integers_of(evidence).items():
                if len(set(numbers)) > 1 and np.allclose(
                    factors, times * np.power(np.array(numbers, float), power), rtol=SAME, atol=0.0
                ):
                    return f"constant factor {said}{_power(word, power)}{MEANING.get(power, '')}"
    return None


def _power(word: str, power: float) -> str:
    word = f"({word})" if " " in word and power != 1.0 else word
    root = f"sqrt({word.strip('()')})"
    return {1.0: word, -1.0: f"1/{word}", 0.5: root, -0.5: f"1/{root}"}[power]


def integers_of(evidence: Sequence[Evidence]) -> dict[str, list[int]]:
    """Return the integers of the problem (sizes, shapes, products) in each case, by name."""
    cases = [_integers(one) for one in evidence]
    shared = [word for word in cases[0] if all(word in case for case in cases)]
    return {word: [case[word] for case in cases] for word in shared}


def _integers(one: Evidence) -> dict[str, int]:
    sizes = dict(one.sizes)
    found = dict(sizes)
    for count in (2, 3):
        for names in combinations(sizes, count):
            found[" ".join(names)] = int(np.prod([sizes[name] for name in names]))
    found |= {f"{name} - 1": size - 1 for name, size in sizes.items() if size > 1}
    found |= {f"{name} + 1": size + 1 for name, size in sizes.items()}
    for name in (one.name, *one.others):
        shape = one.expected_of(name).shape
        found |= {f"shape {axis} of {name}": length for axis, length in enumerate(shape)}
        found[f"number of entries of {name}"] = int(np.prod(shape))
    return found


def added_parameter(evidence: Sequence[Evidence]) -> str | None:
    """Whether a multiple of the parameter is added, as by weight decay."""
    if not all(one.value.any() for one in evidence):
        return None
    rates = [float(np.sum(one.off * one.value) / np.sum(one.value**2)) for one in evidence]
    rate = float(np.median(rates))
    if all(one.explained_by(one.expected + rate * one.value) for one in evidence):
        return f"{rate:+.6g} times the parameter is added"
    return None


def noise(evidence: Sequence[Evidence]) -> str | None:
    """Whether all errors are small, if no other hypothesis explains them."""
    sizes = [
        float(np.abs(one.off).max() / np.abs(one.expected).max())
        for one in evidence
        if one.expected.any()
    ]
    if distinct(evidence) < ENOUGH or not sizes or max(sizes) >= 1e-5:
        return None
    said = f"noise of {max(sizes):.1g} of the largest entry"
    return said + (", typical of float32" if max(sizes) > 1e-9 else "")
