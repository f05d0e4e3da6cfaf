"""In which way is a running clip wrong? It is compared with what other folds give."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from reference import Gradients

from .grade import Hint
from .texts import hint
from .windows import Answer, Probe, answer, same

STEPS = 6
INPUTS = [2, 3, 2, 2, 3, 2]
BOUNDS = (0.05, 0.3, 0.6)

Terms = Sequence[np.ndarray]  # a gradient's contributions, in the order in which they are added
Fold = Callable[[Terms, float], np.ndarray]
Limit = Callable[[np.ndarray, float], np.ndarray]


def bounded(total: np.ndarray, c: float) -> np.ndarray:
    return np.clip(total, -c, c)


def running(terms: Terms, c: float, limit: Limit = bounded) -> np.ndarray:
    total = np.zeros_like(terms[0])
    for term in terms:
        total = limit(total + term, c)
    return total


def before_adding(terms: Terms, c: float) -> np.ndarray:
    total = np.zeros_like(terms[0])
    for term in terms:
        total = bounded(total, c) + term
    return total


def last_columns(terms: Terms, c: float) -> np.ndarray:
    """Clip once, after the sum, but only the columns that the last contribution touches."""
    total = np.sum(terms, axis=0)
    touched = terms[-1].any(axis=0)
    return np.where(touched, bounded(total, c), total)


def by_norm(terms: Terms, c: float) -> np.ndarray:
    total = np.sum(terms, axis=0)
    return total * min(1.0, c / np.linalg.norm(total))


def without_first(terms: Terms, c: float) -> np.ndarray:
    return running([terms[0] + terms[1], *terms[2:]], c)


FOLDS: dict[str, Fold] = {
    "forgotten": lambda terms, c: np.sum(terms, axis=0),
    "at the end": lambda terms, c: bounded(np.sum(terms, axis=0), c),
    "at the end, last column": last_columns,
    "step, not sum": lambda terms, c: np.sum([bounded(term, c) for term in terms], axis=0),
    "last step unclipped": lambda terms, c: running(terms[:-1], c) + terms[-1],
    "first clip missing": without_first,
    "below only": lambda terms, c: running(terms, c, lambda total, c: np.maximum(total, -c)),
    "above only": lambda terms, c: running(terms, c, lambda total, c: np.minimum(total, c)),
    "nothing below zero": lambda terms, c: running(terms, c, lambda total, c: np.clip(total, 0, c)),
    "first to last": lambda terms, c: running(terms[::-1], c),
    "before adding": before_adding,
    "by norm": by_norm,
}


def wrong_folds(function: Callable[..., Any], probes: list[Probe]) -> list[Hint]:
    """Return hints for a pass whose plain gradient is right, by what it returns with bounds."""
    cases = [(probe, answer(function, probe, c), c) for c in BOUNDS for probe in probes]
    if not all(
        same(made.da_first, probe.parameters.Wha.T @ probe.dh[0]) for probe, made, _ in cases
    ):
        return [hint("clip", "recurrent gradient")]
    ways: dict[tuple[str, float], list[str]] = {}
    for place, name in enumerate(("dWhx", "dWha", "dWya", "dbh", "dby")):
        found = _way_of_one(cases, place)
        if found[0] != "right":
            ways.setdefault(found, []).append(name)
    return [hint("clip", way, k, ", ".join(names)) for (way, k), names in ways.items()]


def _way_of_one(cases: list[tuple[Probe, Answer, float]], place: int) -> tuple[str, float]:
    computed = [([*made.gradients][place], c) for _, made, c in cases]
    terms = [_terms(probe.contributions(), place) for probe, _, _ in cases]

    def fits(fold: Fold) -> bool:
        return all(
            same(value, fold(own, c)) for (value, c), own in zip(computed, terms, strict=True)
        )

    if fits(running):
        return "right", 1.0
    for name, fold in FOLDS.items():
        if fits(fold):
            return name.removesuffix(", last column"), 1.0
    # At another bound: entries that are clipped at the end show it.
    k = round(max(float(np.abs(value).max()) / c for value, c in computed), 9)
    if fits(lambda own, c: running(own, k * c)):
        return "other bound", k
    return "", 1.0


def _terms(contributions: list[Gradients], place: int) -> Terms:
    return [[*one][place] for one in reversed(contributions)]
