"""The verifier must never call a correct gradient wrong; `make false-alarms` asks for more."""

from collections import Counter

import pytest

from bptt.verify.checker.case_result import RIGHT
from bptt.verify.checker.checking import check_case
from bptt.verify.checker.problem import Case
from bptt.verify.network.problems import compile_kernels

from .false_alarms import draw, factories, is_alarm


def test_no_false_alarm_in_a_few_drawn_problems() -> None:
    results = list(draw(range(2 * len(factories())), seed=1))
    alarms = [f"{name}: {result}" for name, result in results if is_alarm(result)]
    assert not alarms, "\n".join(alarms)
    verdicts = Counter(result.verdict for _, result in results)
    assert verdicts[RIGHT] > 0.7 * len(results), verdicts
    assert {"autograd", "complex step", "central differences"} <= {o.oracle for _, o in results}


@pytest.mark.parametrize(
    ("name", "sizes", "seed", "scale"),
    [
        pytest.param("the twin", "T=1 H=4 V=3", 952559820, 10.0, id="stairs"),
        pytest.param("the twin, clip 0.5", "T=1 H=3 V=2", 1250455408, 10.0, id="one stair"),
        pytest.param("the compiled engine", "T=1 H=4 V=2", 738388539, 10.0, id="all flat"),
        pytest.param("relu torch float64", "T=2 H=5", 1302116831, 0.01, id="kink"),
        pytest.param("sine torch float32", "T=5 H=5", 779143685, 10.0, id="chaos"),
        pytest.param(
            "the compiled engine in float32", "T=2 H=1 V=2", 1831795828, 10.0, id="opaque"
        ),
        pytest.param("the compiled engine in float32", "T=1 H=5 V=2", 1127651147, 10.0, id="lost"),
        pytest.param(
            "the compiled engine in float32, clip 0.5", "T=2 H=2 V=2", 1731694225, 10.0, id="1 - p"
        ),
        pytest.param(
            "the compiled engine, clip 0.5", "T=1 H=3 V=2", 892303026, 3.0, id="whole stairs"
        ),
        pytest.param("classifier, one function", "N=3 D=3 V=5", 2086881553, 10.0, id="underflow"),
        pytest.param("logistic", "N=4 D=3", 2012687007, 10.0, id="signs cancel"),
        pytest.param("sine numpy float32", "T=5 H=5", 1834863190, 10.0, id="chaos at small sizes"),
    ],
)
def test_what_was_once_a_false_alarm_is_none(
    name: str, sizes: str, seed: int, scale: float
) -> None:
    compile_kernels()
    case = Case({size[0]: int(size[2:]) for size in sizes.split()}, seed, scale)
    result = check_case(dict(factories())[name], case, entrywise=True, time_limit=60.0)
    assert not is_alarm(result), str(result)
