"""The estimates of rounding, where a loss or a gradient moves in coarse steps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt.verify import check
from bptt.verify.checker.case_result import RIGHT, ROUNDING, UNDECIDABLE
from bptt.verify.checker.checking import check_case
from bptt.verify.checker.oracles.differences import SPACING, jags
from bptt.verify.checker.problem import Case
from bptt.verify.network.problems import own_engines

from ....campaigns.false_alarms import layer
from .correct import FAMILIES


@pytest.mark.parametrize(
    ("name", "sizes", "seed", "scale"),
    [  # 1 - p is two units in float32; the loss climbs 25 of its own steps from point to point
        ("the compiled engine in float32, clip 0.5", (2, 2, 2), 1731694225, 10.0),
        ("the compiled engine, clip 0.5", (1, 3, 2), 892303026, 3.0),
    ],
)
def test_coarse_steps_of_a_correct_engine_are_rounding(
    name: str, sizes: tuple[int, ...], seed: int, scale: float
) -> None:
    factory = next(factory for factory in own_engines() if factory.target == name)
    case = Case(dict(zip("THV", sizes, strict=True)), seed, scale)
    found = check_case(factory, case, True, 30.0)
    assert found.verdict in (RIGHT, ROUNDING), found


def test_noise_of_the_complex_step_is_seen_whatever_signs_cancel() -> None:
    result = check(FAMILIES["logistic"], {"N": 4, "D": 3}, seed=2012687007, scale=10)
    assert result.verdict in (RIGHT, ROUNDING)


def test_chaotic_loss_in_float32_decides_nothing_at_small_sizes_either() -> None:
    problem = layer("sine", "float32", "numpy")
    result = check(problem, {"T": 5, "H": 5}, seed=1834863190, scale=10)
    assert result.verdict == UNDECIDABLE


@given(st.integers(1, 60), st.floats(1e-12, 1e-3))
def test_noise_of_a_staircase_is_seen_at_any_slope(climbed: int, height: float) -> None:
    def along(distance: float) -> float:
        return height * np.floor(climbed * (distance / SPACING) + 0.3)

    noise, _ = jags(along, 2.0**-53)
    assert noise >= 0.1 * height
