"""Pictures: the same whatever a person has set for matplotlib, and never the end of a run."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import published_run
from bptt.cli import app
from bptt.experiments import comparison, curve_plots
from bptt.experiments.seeds_folder import SeedsFolder
from bptt.runs import diagnostics_plot, plots, smoothing
from bptt.runs.folder import RunFolder
from bptt.runs.log import Entry
from bptt.sessions import lifecycle
from bptt.training.diagnostics import Record
from bptt.verify.network import lockstep_report
from reference.training import OLD_WEIGHT

from ..program import COMMAND, TEXT

SMALL = {"hidden_size": 4, "seq_length": 5, "iterations": 40, "sample_every": 20,
         "validate_every": 10, "log_every": 5}  # fmt: skip
OPTIONS = ["--hidden", "4", "--seq-length", "5", "--iterations", "20"]


def undecorated(draw: Callable[..., bytes]) -> Callable[..., Figure]:
    """Give the function that draws the figure alone."""
    return draw.__wrapped__  # pyright: ignore[reportFunctionMemberAccess] - functools.wraps sets it


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("drawn")
    (folder / "text.txt").write_text(TEXT)
    return lifecycle.begin(str(folder / "text.txt"), SMALL, folder / "run")


def entry(iteration: int, loss: float, **more: Any) -> Entry:
    """An entry of a run whose windows all had this loss, in nats."""
    start = OLD_WEIGHT ** (iteration - 1)
    smooth_loss = start * 5 * math.log(15) + (1 - start) * loss
    return Entry(
        iteration=iteration, loss=loss, smooth_loss=smooth_loss, bits_per_character=3.0,
        characters=5 * iteration, seconds=iteration / 100, learning_rate=0.1, **more,
    )  # fmt: skip


def pictures(run: RunFolder) -> list[bytes]:
    config, contenders = run.read_config(), comparison.read([run.path])[0]
    records = [
        Record(iteration=i, norms=[1.0, 0.1], saturated_share=0.5, spectral_radius=1.0,
               clipped_share=0.0)
        for i in (0, 10)
    ]  # fmt: skip
    entries = contenders[0].logs[0]
    return [
        plots.loss(entries, config),
        curve_plots.comparison(contenders),
        curve_plots.seeds([entries, entries], [1, 2], config),
        diagnostics_plot.gradient_flow(records, "heading"),
        lockstep_report.picture("numpy", [], {"torch": [1e-9, 1.0]}),
        published_run.picture([[1.0, 2.0], [2.0, 2.5]], []),
    ]


def test_pictures_are_the_same_whatever_is_set_for_matplotlib(run: RunFolder) -> None:
    plain = pictures(run)
    odd: dict[Any, Any] = {"text.usetex": True, "savefig.dpi": 7, "font.size": 30,
                           "axes.facecolor": "red", "lines.linewidth": 9}  # fmt: skip
    with matplotlib.rc_context(odd):
        assert pictures(run) == plain
        assert matplotlib.rcParams["font.size"] == 30  # a notebook keeps its own


@pytest.mark.parametrize("backend", ["module://nowhere"])
def test_backend_and_settings_from_outside_change_no_picture(
    backend: str, run: RunFolder, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "matplotlibrc").write_text("text.usetex: True\nfont.size: 31\nbackend: nosuch\n")
    for name in ("plain", "set"):
        away = ("MPLBACKEND",) if name == "plain" else ()
        environment = {key: value for key, value in os.environ.items() if key not in away}
        environment |= {} if away else {"MPLBACKEND": backend, "MATPLOTLIBRC": str(tmp_path)}
        done = subprocess.run(
            [*COMMAND, "train", str(tmp_path / "text.txt"), *OPTIONS, "--out", tmp_path / name],
            cwd=tmp_path if name == "set" else tmp_path.parent,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done
        assert "Traceback" not in done.stderr
        assert "can't be drawn" not in done.stderr
    ours, theirs = (RunFolder(tmp_path / name).loss_plot.read_bytes() for name in ("set", "plain"))
    assert ours == theirs


def no_picture(*given: Any, **named: Any) -> bytes:
    raise RuntimeError("no\nfonts")


def test_a_picture_that_cannot_be_drawn_is_a_warning_after_all_else_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.txt").write_text(TEXT)
    monkeypatch.setattr(Figure, "savefig", no_picture)
    app(["train", "text.txt", *OPTIONS, "--diagnostics", "--out", "run"], standalone_mode=False)
    said = capsys.readouterr()
    assert "warning: run/loss.png can't be drawn: RuntimeError: no fonts\n" in said.err
    assert "warning: run/gradient_flow.png can't be drawn" in said.err
    assert "Finished 20 iterations" in said.out
    run = RunFolder(Path("run"))
    for path in (run.results, run.card, run.csv, run.samples):
        assert path.exists()
    assert not run.loss_plot.exists()

    app(["train", "text.txt", *OPTIONS, "--seeds", "2", "--out", "many"], standalone_mode=False)
    assert "warning: many/seeds.png can't be drawn" in capsys.readouterr().err
    assert SeedsFolder(Path("many")).summary.exists()
    assert SeedsFolder(Path("many")).card.exists()

    app(["compare", "run", "--out", "all.png"], standalone_mode=False)
    said = capsys.readouterr()
    assert "warning: all.png can't be drawn" in said.err
    assert "shows their curves" not in said.out

    lockstep_report.save(Path("step"), "numpy", [], {"torch": [1.0]}, {})
    assert "warning: step/lockstep.png can't be drawn" in capsys.readouterr().err
    assert json.loads(Path("step/lockstep.json").read_text())["free"] == {"torch": [1.0]}


def test_nothing_of_matplotlib_is_imported_before_something_is_drawn() -> None:
    code = (
        "import sys, benchmarks.report.report, benchmarks.published_run, bptt.cli; "
        "import bptt.experiments.seeds; "
        "from bptt.verify.network import lockstep_report; sys.exit('matplotlib' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, "MPLBACKEND": "nosuch"})
    assert done.returncode == 0


def tick_boxes(axes: Axes, name: str) -> list[tuple[float, float]]:
    """Where an axis's tick labels begin and end, in pixels."""
    axis = axes.xaxis if name == "x" else axes.yaxis
    low, high = axis.get_view_interval()
    boxes = [
        tick.label1.get_window_extent()
        for tick in axis.get_major_ticks()
        if low <= tick.get_loc() <= high and tick.label1.get_visible()
    ]
    return sorted((box.x0, box.x1) if name == "x" else (box.y0, box.y1) for box in boxes)


@pytest.mark.parametrize("iterations", [7, 300, 20_000, 3_000_000, 400_000_000])
@pytest.mark.parametrize("steady", [True, False])
def test_tick_labels_of_curves_do_not_collide(
    iterations: int, steady: bool, run: RunFolder
) -> None:
    config = run.read_config()
    places = [max(1, iterations * k // 20) for k in range(1, 21)]
    log = [entry(i, 30 / (1 if steady else i) + 5, validation_bits=3.0) for i in places]
    contender = comparison.Contender("run", [config], [log], [None])
    for figure in (
        undecorated(curve_plots.comparison)([contender]),
        undecorated(plots.loss)(log, config),
        undecorated(curve_plots.seeds)([log, log], [1, 2], config),
    ):
        figure.draw_without_rendering()
        for axes in figure.axes:
            for name in ("x", "y"):
                boxes = tick_boxes(axes, name)
                assert len(boxes) >= 2 or (name == "y" and axes is figure.axes[-1])
                for (_, end), (begin, _) in pairwise(boxes):
                    assert end + 2 < begin


def test_curves_that_span_decades_are_on_logarithmic_axes(run: RunFolder) -> None:
    config = run.read_config()
    log = [entry(10**k, 50 / (k + 1), validation_bits=9 / (k + 1)) for k in range(5)]
    figure = undecorated(curve_plots.comparison)(
        [comparison.Contender("run", [config], [log], [None])]
    )
    assert [axes.get_xscale() for axes in figure.axes] == ["log", "log"]
    assert figure.axes[0].get_yscale() == "log"


def test_many_runs_share_a_legend_of_ten_lines_and_the_best_are_named(run: RunFolder) -> None:
    config = run.read_config()
    contenders = [
        comparison.Contender(
            f"run {k}", [config], [[entry(1, 9.0), entry(20, 9.0, validation_bits=2 + k / 10)]],
            [None],
        )
        for k in reversed(range(31))
    ]  # fmt: skip
    figure = undecorated(curve_plots.comparison)(contenders)
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == [*(f"run {k}" for k in range(9)), "22 others"]
    few = undecorated(curve_plots.comparison)(contenders[:10])
    assert len(few.legends[0].get_texts()) == 10


def test_run_that_went_wrong_does_not_press_the_others_flat(run: RunFolder) -> None:
    config = run.read_config()
    bad = [entry(i, 1e6, validation_bits=30_000.0) for i in (1, 20)]
    good = [entry(i, 9.0, validation_bits=2.5) for i in (1, 20)]
    contenders = [comparison.Contender("run", [config], [log], [None]) for log in (bad, good)]
    figure = undecorated(curve_plots.comparison)(contenders)
    assert figure.axes[0].get_ylim()[1] < 10
    alone = undecorated(curve_plots.comparison)(contenders[:1])
    assert alone.axes[0].get_ylim()[1] > 30_000


@pytest.mark.parametrize("losses", [[10.0, 9.0], [14.0, 1e6, 3e6], [14.0], [14.0, 60.0, 9.0]])
def test_all_of_a_loss_is_in_the_frame(losses: list[float], run: RunFolder) -> None:
    config = run.read_config()
    log = [entry(i, loss, validation_bits=loss / 4) for i, loss in enumerate(losses, 1)]
    (axes,) = undecorated(plots.loss)(log, config).axes
    low, high = axes.get_ylim()
    for line in axes.lines:
        assert (
            (low <= np.asarray(line.get_ydata())) & (np.asarray(line.get_ydata()) <= high)
        ).all()
    assert low <= smoothing.guess(config) <= high


def test_picture_of_a_run_that_broke_down_says_where(run: RunFolder) -> None:
    figure = undecorated(plots.loss)([entry(1, 14.0)], run.read_config(), 2)
    assert "broke down in iteration 2" in [
        text.get_text() for text in figure.legends[0].get_texts()
    ]
    low, high = figure.axes[0].get_xlim()
    assert low == 0
    assert high > 10  # two windows of 5


def test_first_weights_do_not_press_the_gradient_flow_flat() -> None:
    def record(iteration: int, decay: float) -> Record:
        return Record(
            iteration=iteration, norms=[decay**k for k in range(30)], saturated_share=0.5,
            spectral_radius=1.0, clipped_share=0.0,
        )  # fmt: skip

    draw = undecorated(diagnostics_plot.gradient_flow)
    trained = draw([record(0, 0.1), record(1000, 0.8), record(2000, 0.7)], "heading").axes[0]
    assert 0.7**29 / 10 < trained.get_ylim()[0] < 0.7**29
    assert "continue below" in trained.get_title()
    first = draw([record(0, 0.1)], "heading").axes[0]
    assert first.get_ylim()[0] < 1e-28
    assert "below" not in first.get_title()
