"""Every engine that was measured is in the pictures, in a color of its own."""

import pytest
from matplotlib.figure import Figure

from benchmarks.harness.registry import LAYER, SAMPLING, TRAINING, Engine
from benchmarks.harness.results import MEASURED, EngineResult, Workload
from benchmarks.report import plots


def workload(engines: tuple[Engine, ...]) -> Workload:
    results = [
        EngineResult(engine.name, "", "", MEASURED, seconds=[1.0 + index, 2.0 + index])
        for index, engine in enumerate(engines)
    ]
    limit = EngineResult("limit", "", "", MEASURED, seconds=[0.5, 0.5])
    return Workload("w", "w", "pass", 1, {"B": 1, "H": 8, "T": 3}, results, limit=limit)


EVERY = tuple({engine.name: engine for engine in TRAINING + LAYER + SAMPLING}.values())


@pytest.mark.parametrize(
    ("draw", "engines"),
    [(plots.layers, LAYER), (plots.of_limit, EVERY)],
    ids=["layers", "limit"],
)
def test_no_engine_is_left_out_and_none_looks_like_another(draw, engines) -> None:
    figure: Figure = draw.__wrapped__([workload(engines)])
    panel = figure.axes[0]
    handles, labels = panel.get_legend_handles_labels()
    limit = ["limit"] if draw is plots.layers else []  # elsewhere it is a line of its own
    assert sorted(labels) == sorted([engine.name for engine in engines] + limit)
    lines = [getattr(handle, "lines", [handle])[0] for handle in handles]
    assert len({line.get_color() for line in lines}) == len(labels)
