"""An exported network gives the run's logits in nn.RNN and nn.Linear, and holds what it needs."""

import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.torch
import torch
from torch import nn

from bptt import load_run
from bptt.runs.folder import RunFolder

from ...program import assert_refused, bptt
from .kinds import KINDS

ROOT = Path(__file__).parents[3]
WHICH = {"best": (), "final": ("--last",)}


def exported(run: RunFolder, out: Path, *options: str) -> Path:
    done = bptt("export", run.path, "--out", out, *options, folder=out.parent)
    assert done.returncode == 0, done
    return out


def logits(
    saved: dict, tensors: dict, initial_state: torch.Tensor, indices: np.ndarray
) -> torch.Tensor:
    """Return the logits (N, V) that PyTorch's own modules give."""
    V, H = len(saved["vocabulary"]), saved["hidden_size"]
    model = nn.ModuleDict({"rnn": nn.RNN(V, H), "linear": nn.Linear(H, V)})
    model.to(initial_state.dtype).load_state_dict(tensors)
    read = torch.eye(V, dtype=initial_state.dtype)[torch.from_numpy(indices)]
    with torch.no_grad():
        return model["linear"](model["rnn"](read, initial_state[None])[0])


@pytest.mark.parametrize("which", WHICH)
@pytest.mark.parametrize("kind", KINDS)
def test_logits_are_the_networks_to_rounding(runs, tmp_path: Path, kind: str, which) -> None:
    network = load_run(runs[kind].path, weights=which)
    indices = np.random.default_rng(1).integers(0, len(network.vocabulary), 50)
    symbols = network.vocabulary.decode(indices)
    expected = network.logits(symbols.encode("latin-1") if kind == "bytes" else symbols)
    path = exported(runs[kind], tmp_path / "model.pt", *WHICH[which])
    saved = torch.load(path, weights_only=True)
    found = logits(saved, saved["state_dict"], saved["initial_state"], indices)
    dtype = getattr(torch, runs[kind].read_config().dtype)
    assert found.dtype == dtype
    rounding = 1e-4 if dtype == torch.float32 else 1e-12
    assert found.numpy() == pytest.approx(expected, rel=rounding, abs=rounding)
    assert saved["vocabulary"] == list(network.vocabulary.symbols)
    assert saved["sha256"] == network.digest
    assert saved["units"] == ("bytes" if kind == "bytes" else "characters")

    path = exported(runs[kind], tmp_path / "model.safetensors", *WHICH[which])
    with safetensors.safe_open(path, framework="pt") as file:
        described = json.loads(file.metadata()["bptt"])
    tensors = safetensors.torch.load_file(path)
    initial_state = tensors.pop("initial_state")
    assert torch.equal(logits(described, tensors, initial_state, indices), found)


def test_best_and_final_differ_here(runs, tmp_path: Path) -> None:
    run = runs["float64"]
    assert load_run(run.path).digest != load_run(run.path, weights="final").digest
    first, last = (
        exported(run, tmp_path / f"{which}.pt", *options).read_bytes()
        for which, options in WHICH.items()
    )
    assert first != last


def test_example_writes_text(runs, tmp_path: Path, capsys) -> None:
    path = exported(runs["float32"], tmp_path / "model.pt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["sample_exported.py", str(path), "She "])
        runpy.run_path(str(ROOT / "examples/sample_exported.py"))
    written = capsys.readouterr().out
    assert written.startswith("She ")
    assert len(written) == len("She ") + 200 + 1


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("model.bin", "--out must be a file that ends in .pt or .safetensors, got model.bin"),
        ("nowhere/model.pt", "can't write nowhere/model.pt: there is no folder nowhere"),
    ],
)
def test_place_that_cannot_be_written_is_refused(runs, tmp_path: Path, out: str, said) -> None:
    assert_refused(bptt("export", runs["float64"].path, "--out", out, folder=tmp_path), said)
    assert list(tmp_path.iterdir()) == []


def test_unfinished_run_is_refused(runs, tmp_path: Path) -> None:
    copied = RunFolder(tmp_path / "run")
    copied.path.mkdir()
    for path in (runs["float64"].config, runs["float64"].best):
        (copied.path / path.name).write_bytes(path.read_bytes())
    done = bptt("export", "run", "--out", "model.pt", folder=tmp_path)
    assert_refused(done, "must be a finished run", "bptt train --resume run")
