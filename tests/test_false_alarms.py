"""The verifier must never call a correct gradient wrong; `make false-alarms` asks for more."""

from collections import Counter

from bptt.verify.checker.outcome import RIGHT

from .false_alarms import draw, is_alarm, makers


def test_no_false_alarm_in_a_few_drawn_problems() -> None:
    outcomes = list(draw(2 * len(makers()), seed=1))
    alarms = [f"{name}: {outcome}" for name, outcome in outcomes if is_alarm(outcome)]
    assert not alarms, "\n".join(alarms)
    verdicts = Counter(outcome.verdict for _, outcome in outcomes)
    assert verdicts[RIGHT] > 0.7 * len(outcomes), verdicts
    assert {"autograd", "complex step", "central differences"} <= {o.oracle for _, o in outcomes}
