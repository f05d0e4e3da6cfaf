"""The estimates of noise that oracles and verdicts rest on."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bptt.verify.checker.oracles.differences import SPACING, jags


@given(st.integers(1, 60), st.floats(1e-12, 1e-3))
def test_noise_of_a_staircase_is_seen_at_any_slope(climbed: int, height: float) -> None:
    def along(distance: float) -> float:
        return height * np.floor(climbed * (distance / SPACING) + 0.3)

    noise, _ = jags(along, 2.0**-53)
    assert noise >= 0.1 * height
