"""The drawn cases reach what they are drawn for."""

import numpy as np
from hypothesis import given, settings

from reference import backward

from .strategies import Case, cases


def shares(drawn: list[Case]) -> dict[str, float]:
    """What share of the cases has each property."""
    counts = dict.fromkeys(
        ("clipped", "clipped everywhere", "saturated", "T = 1", "V = 1", "H = 1", "symbol twice"), 0
    )
    for case in drawn:
        trace = case.forward()
        plain = backward(case.parameters, trace, None)
        clipped = backward(case.parameters, trace, case.clip)
        changed = [a != b for a, b in zip(plain, clipped, strict=True)]
        counts["clipped"] += any(entries.any() for entries in changed)
        counts["clipped everywhere"] += bool(changed[4].all())
        counts["saturated"] += bool((np.abs(trace.states[1:]) > 1 - 1e-6).any())
        counts["T = 1"] += case.T == 1
        counts["V = 1"] += case.V == 1
        counts["H = 1"] += case.H == 1
        counts["symbol twice"] += len(set(case.inputs.tolist())) < case.T
    return {name: count / len(drawn) for name, count in counts.items()}


def test_drawn_cases_clip_saturate_and_sit_at_the_edges() -> None:
    drawn: list[Case] = []

    @settings(max_examples=400, derandomize=True, database=None)
    @given(cases())
    def draw(case: Case) -> None:
        if not case.softmax_overflows:
            drawn.append(case)

    draw()
    found = shares(drawn)
    least = {
        "clipped": 0.3,
        "clipped everywhere": 0.15,
        "saturated": 0.2,
        "T = 1": 0.08,
        "V = 1": 0.08,
        "H = 1": 0.08,
        "symbol twice": 0.2,
    }
    assert {name: share for name, share in found.items() if share < least[name]} == {}
