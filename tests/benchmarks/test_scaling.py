"""The measurement of several processes runs, and its tables say what was measured."""

import json
from pathlib import Path

import pytest

from benchmarks.scaling import command, wire


@pytest.mark.campaign
def test_tiny_measurement_has_all_its_points_and_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "SIZES", ((8, 2),))
    command.scaling(tmp_path / "out", rounds=3, seconds=0.01, network=[10.0])
    found = json.loads((tmp_path / "out/scaling.json").read_text())
    assert [(one["H"], one["B"], one["clip_kind"]) for one in found["points"]] == [
        (8, 2, "running"),
        (8, 2, "norm"),
    ]
    for point in found["points"]:
        assert len(point["alone"]) == len(point["together"]) == 3
        assert min(*point["alone"], *point["together"]) > 0.0
    text = (tmp_path / "out/scaling.md").read_text()
    assert text.count("| 8, 2, ") == 2
    assert "10 Gbit/s" in text


def test_model_of_one_process_is_its_arithmetic_and_of_two_has_half_of_it() -> None:
    sizes = wire.Sizes(H=64, V=30, T=20, B=4, item=4)
    alone = sizes.seconds(1, True, 1e9, 1e9, 1e-3)
    assert alone == sizes.products / 1e9
    fast = sizes.seconds(2, True, 1e9, float("inf"), 0.0)
    assert fast == pytest.approx(alone / 2)
    assert sizes.seconds(2, False, 1e9, 1e9, 0.0) > fast
