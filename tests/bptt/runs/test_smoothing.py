"""The training loss that people are shown is the mean of the windows, without its start."""

import math
from pathlib import Path

import numpy as np
import pytest

from bptt.runs import log, results, smoothing
from bptt.sessions import lifecycle
from reference.training import OLD_WEIGHT

from ...program import TEXT, bptt


def weighted_mean(losses: list[float]) -> float:
    weights = OLD_WEIGHT ** np.arange(len(losses))[::-1]
    return float(np.average(losses, weights=weights))


@pytest.mark.parametrize("lanes", [1, 3])
@pytest.mark.parametrize("iterations", [1, 2, 60])
def test_shown_loss_is_the_weighted_mean_of_the_windows(
    iterations: int, lanes: int, tmp_path: Path, capsys
) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    given = {"hidden_size": 5, "seq_length": 4, "iterations": iterations, "log_every": 1}
    run = lifecycle.make(str(tmp_path / "text.txt"), given | {"lanes": lanes}, tmp_path / "run")
    assert smoothing.bits(run.config, run.training.smooth_loss, 0) == math.log2(15)
    lifecycle.train_to_end(run)
    entries = log.read(run.folder.log, log.Entry)
    windows = [run.config.bits_per_character(entry.loss) for entry in entries]
    for n, entry in enumerate(entries, 1):
        assert smoothing.bits_at(run.config, entry) == pytest.approx(weighted_mean(windows[:n]))
    shown = weighted_mean(windows)
    assert f"Training: {shown:.3f} bits per character (exponential moving average" in (
        capsys.readouterr().out
    )
    assert f"| training, exponential moving average over windows, decay 0.999 | {shown:.4f} |" in (
        run.folder.card.read_text()
    )


def test_short_run_is_not_shown_the_loss_of_guessing(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    done = bptt("train", "text.txt", "--iterations", "400", "--hidden", "30", "--engine", "fast",
                "--out", "run", folder=tmp_path)  # fmt: skip
    assert done.returncode == 0
    (figure,) = (line.split()[1] for line in done.stdout.splitlines() if "Training: " in line)
    entries = log.read(tmp_path / "run/log.jsonl", log.Entry)
    last = np.mean([entry.loss for entry in entries[-10:]]) / 35 / math.log(2)
    notebooks = entries[-1].bits_per_character
    assert abs(float(figure) - last) < abs(notebooks - last) / 2
    assert results.read(tmp_path / "run/results.json").iterations == 400
