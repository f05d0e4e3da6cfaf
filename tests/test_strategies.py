"""The drawn cases reach what they are drawn for."""

import numpy as np
from hypothesis import given, settings

from reference import backward

from .strategies import Case, cases


def properties(case: Case) -> dict[str, bool]:
    """What a case exercises."""
    trace = case.forward()
    plain = backward(case.parameters, trace, None)
    clipped = backward(case.parameters, trace, case.clip)
    changed = [a != b for a, b in zip(plain, clipped, strict=True)]
    return {
        "clipped": any(bool(entries.any()) for entries in changed),
        "clipped in every entry of by": bool(changed[4].all()),
        "saturated": bool((np.abs(trace.states[1:]) > 1 - 1e-6).any()),
        "T = 1": case.T == 1,
        "V = 1": case.V == 1,
        "H = 1": case.H == 1,
        "a symbol twice": len(set(case.inputs.tolist())) < case.T,
    }


def test_drawn_cases_clip_saturate_and_sit_at_the_edges() -> None:
    drawn: list[dict[str, bool]] = []

    @settings(max_examples=400, derandomize=True, database=None)
    @given(cases())
    def draw(case: Case) -> None:
        if not case.softmax_overflows:
            drawn.append(properties(case))

    draw()
    found = {name: sum(case[name] for case in drawn) / len(drawn) for name in drawn[0]}
    least = {
        "clipped": 0.3,
        "clipped in every entry of by": 0.15,
        "saturated": 0.2,
        "T = 1": 0.08,
        "V = 1": 0.08,
        "H = 1": 0.08,
        "a symbol twice": 0.2,
    }
    assert {name: share for name, share in found.items() if share < least[name]} == {}
