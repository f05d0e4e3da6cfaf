"""Twenty thousand drawn cases, each on every engine, and what they were like.

make campaign            # or BPTT_CASES=1000 pytest -m campaign tests/campaigns/test_gradients.py
"""

import os
from collections import Counter

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings

from bptt.verify.network import autograd
from bptt.verify.network.tolerances import FLOAT64, error_bounds, largest_fraction_of_bound
from reference import Gradients
from torch_impl import convert

from ..engines import ENGINES, arrays, tensors
from ..strategies import Case, cases
from ..test_strategies import properties

CASES = int(os.environ.get("BPTT_CASES", "20000"))


@pytest.mark.campaign
def test_campaign_over_drawn_cases(capsys: pytest.CaptureFixture) -> None:
    counts: Counter[str] = Counter()
    used: dict[str, list[float]] = {engine.name: [] for engine in ENGINES}

    @settings(max_examples=CASES, database=None, phases=[Phase.generate, Phase.shrink])
    @given(cases(max_size=8))
    def check(case: Case) -> None:
        assume(not case.softmax_overflows)
        counts.update(name for name, holds in properties(case).items() if holds)
        counts["cases"] += 1
        for engine in ENGINES:
            prepared = engine.prepare(case)
            computed, _ = engine.compute(prepared, case.clip, np.zeros((case.H, 1)))
            expected = convert.to_reference(
                autograd.clipped_gradient(*tensors(prepared), case.clip)
            )
            mine = error_bounds(*arrays(prepared), engine.precision).gradients
            oracles = error_bounds(*arrays(prepared), FLOAT64).gradients
            allowed = Gradients(*(a + b for a, b in zip(mine, oracles, strict=True)))
            fraction = max(largest_fraction_of_bound(computed, expected, allowed).values())
            assert fraction <= 1.0, (engine.name, fraction, case)
            used[engine.name].append(fraction)

    check()
    with capsys.disabled():
        print(f"\n{dict(counts)}")
        for name, fractions in used.items():
            print(
                f"{name}: of the allowed difference, median {np.median(fractions):.1%}, "
                f"99 % of cases below {np.quantile(fractions, 0.99):.1%}, "
                f"worst {max(fractions):.1%}"
            )
