"""Hypothesis that an array is ignored: the gradient is as if it were 1, or 0, everywhere.

A backward pass that doesn't multiply by the upstream gradient, or by a mask, treats it as 1.
"""

from collections.abc import Sequence

from ..calls import CaseError
from .captured import captured, expected_gradient, fill, may_be_gradient
from .evidence import Evidence

ARRAYS = 8  # the largest number to try


def as_if_constant(evidence: Sequence[Evidence]) -> str | None:
    first = min(evidence, key=lambda one: sum(value.size for value in one.again().point.values()))
    ordered = [first, *(one for one in evidence if one is not first)]
    for name in list(captured(first.again(), "f"))[:ARRAYS]:
        for value in (1.0, 0.0):
            if all(_fits(one, name, value) for one in ordered):
                if value:
                    return f"as if {name} were 1 everywhere: is the upstream gradient ignored?"
                return f"as if {name} were 0 everywhere: is it left out?"
    return None


def _fits(one: Evidence, name: str, value: float) -> bool:
    evaluated = one.again()
    held = captured(evaluated, "f")
    if name not in held:
        return False
    fill(held[name], value)
    try:
        return may_be_gradient(evaluated.loss, one.name, one.computed) and one.explained_by(
            expected_gradient(evaluated.loss, one.name)
        )
    except CaseError:  # the loss may not accept this
        return False
