"""`python -m benchmarks speed` writes every measurement, and refuses what can't be measured."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.harness.results import MEASURED
from benchmarks.report import report
from benchmarks.workloads.suite import WORKLOADS, Settings, Suite

from .test_benchmarks import CORPUS, ROOT, TINY, silent


def test_small_run_writes_everything(tmp_path: Path) -> None:
    settings = Settings(
        profile=TINY,
        profile_name="tiny",
        corpus=CORPUS,
        workloads=("training", "layer", "sampling", "growth"),
        engines={"numpy-loop", "reference", "torch-ops"},
        threads=dict.fromkeys(WORKLOADS, (1,)),
        seed=3,
    )
    run = {"profile": "tiny", "seed": 3, "corpus": "shells", "started": "", "seconds": 0.0}
    machine = {"processor": "any", "cores": 1, "caches": {}, "system": "", "architecture": ""}
    run |= {"load_before": None, "load_after": None}
    with silent() as progress, Suite(settings, progress) as suite:
        for _ in suite.run():
            report.write(tmp_path, machine | {"python": ""}, run, suite)
    assert report.files(tmp_path) == [
        "growth.png", "layer-threads1.png", "limit.png", "results.json", "results.md",
        "rounds.csv", "sampling.png", "training-float32.png", "training-float64.png",
    ]  # fmt: skip
    content = json.loads((tmp_path / "results.json").read_text())
    workloads = {workload["name"]: workload for workload in content["workloads"]}
    assert set(workloads) == {
        "training-float64", "training-float32", "layer-B2-H4-threads1", "sampling",
    }  # fmt: skip
    for workload in workloads.values():
        limit = workload["limit"]["seconds"]
        assert len(limit) == TINY.rounds
        parts = [sum(values) for values in zip(*workload["limit_parts"].values(), strict=True)]
        assert min(limit) > 0.0
        assert limit == pytest.approx(parts)
        for engine in workload["engines"]:
            ratios = [above / below for above, below in zip(engine["seconds"], limit, strict=True)]
            assert engine["over_limit"]["median"] == pytest.approx(np.median(ratios))
        for engine in workload["engines"]:
            assert engine["status"] == MEASURED, engine
            assert len(engine["seconds"]) == TINY.rounds
            assert set(engine["about"]["threads"].values()) == {1}
        took_part = sorted([*workload["ratios"], "limit"])
        assert all(sorted(order) == took_part for order in workload["orders"])
    (series,) = content["growth"]
    assert [point["size"] for point in series["points"]] == [4, 8]
    lines = list(csv.DictReader((tmp_path / "rounds.csv").read_text().splitlines()))
    assert len(lines) == sum(
        len(one["seconds"]) for w in workloads.values() for one in [*w["engines"], w["limit"]]
    )
    for line in lines:
        order = workloads[line["workload"]]["orders"][int(line["round"])]
        assert order[int(line["turn"])] == line["engine"]
        assert float(line["seconds"]) > 0.0
    text = (tmp_path / "results.md").read_text()
    assert "running clip, epsilon inside the root" in text
    assert "× limit" in text


BAD = [
    (["--profile", "huge"], ["huge", "quick, regular, large"]),
    (["--only", "trainng"], ["trainng", "training, layer, sampling, growth, cold"]),
    (["--only", "layer,nothing"], ["nothing"]),
    (["--engine", "ghost"], ["ghost", "numpy-loop"]),
    (["--threads", "0"], ["--threads", "got 0"]),
    (["--threads", "4096"], ["--threads", "got 4096"]),
    (["--repeats", "1"], ["--repeats", "2"]),
    (["--repeats", "many"], ["--repeats", "integer"]),
    (["--seed", "-1"], ["--seed"]),
    (["--corpus", "no-such-file"], ["no-such-file", "python-docs"]),
    (["--corpus", "short.txt"], ["700 characters", "got 3"]),
    (["--out", "short.txt"], ["short.txt"]),
    (["--out", "short.txt/below"], ["short.txt/below"]),
]


@pytest.mark.parametrize(("options", "words"), BAD, ids=lambda value: " ".join(value))
def test_bad_options_are_refused_in_one_line(
    options: list[str],
    words: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    Path("short.txt").write_text("abc")
    monkeypatch.setattr(sys, "argv", ["benchmarks", "speed", "--out", "out", *options])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    for word in words:
        assert word in said
    assert not (tmp_path / "out").exists()


def test_program_exits_with_2_and_no_traceback(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "speed", "--out", str(tmp_path), "--only", "nothing"],
        cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2, done
    assert done.stderr.startswith("error: no workload is called 'nothing'")
