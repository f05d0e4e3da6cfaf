"""Runs by either engine: the same files, and checkpoints that either goes on with."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from ...program import SMALL, TEXT, assert_refused, bptt, listing


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "text.txt").write_text(TEXT)
    return tmp_path


def train(folder: Path, *arguments: object) -> None:
    done = bptt("train", *arguments, folder=folder)
    assert done.returncode == 0, done


def load(folder: Path, run: str) -> dict[str, np.ndarray]:
    return safetensors.numpy.load_file(folder / run / "checkpoint.safetensors")


@pytest.mark.parametrize(("first", "second"), [("numpy", "torch"), ("torch", "numpy")])
def test_either_engine_goes_on_with_the_others_checkpoint(first, second, folder: Path) -> None:
    few = [*SMALL[:-4], "--iterations", "6", "--sample-every", "3"]
    train(folder, "text.txt", *few, "--engine", first, "--out", "run")
    train(folder, "--resume", "run", "--engine", second, "--iterations", "8")
    train(folder, "text.txt", *few[:-4], "--iterations", "8", "--engine", first, "--out", "whole")
    ours, theirs = load(folder, "run"), load(folder, "whole")
    assert ours.keys() == theirs.keys()
    for name in ours:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6, atol=1e-9, err_msg=name)
    assert json.loads((folder / "run/config.json").read_text())["engine"] == second


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_torch_run_resumes_bit_by_bit_and_samples(dtype: str, folder: Path) -> None:
    kind = ["--engine", "torch", "--dtype", dtype]
    train(folder, "text.txt", *SMALL, *kind, "--out", "whole")
    train(folder, "text.txt", *SMALL[:-4], "--iterations", "31", *kind, "--out", "parts")
    train(folder, "--resume", "parts", "--iterations", "60")
    ours, theirs = load(folder, "parts"), load(folder, "whole")
    for name in theirs:
        assert ours[name].dtype == dtype
        np.testing.assert_array_equal(ours[name], theirs[name], err_msg=name)
    done = bptt("sample", "parts", "--prime", "She", "--length", "9", folder=folder)
    assert len(done.stdout) == 3 + 9 + 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--engine", "abacus"], "expected one of numpy, torch"),
        (["--dtype", "float16"], "expected one of float64, float32, got float16"),
        (["--dtype", "float32"], "--dtype float32 needs --engine torch or fast, got numpy"),
    ],
    ids=" ".join,
)
def test_unknown_engine_or_dtype_is_refused(arguments, said: str, folder: Path) -> None:
    before = listing(folder)
    assert_refused(bptt("train", "text.txt", *arguments, folder=folder), said)
    assert listing(folder) == before


def test_checkpoint_in_another_dtype_is_refused(folder: Path) -> None:
    train(folder, "text.txt", *SMALL, "--engine", "torch", "--dtype", "float32", "--out", "run")
    before = listing(folder)
    assert_refused(
        bptt("train", "--resume", "run", "--engine", "numpy", folder=folder),
        "--dtype float32 needs --engine torch or fast, got numpy",
    )
    assert_refused(
        bptt("train", "--resume", "run", "--dtype", "float64", folder=folder), "got dtype"
    )
    assert listing(folder) == before
    train(folder, "text.txt", *SMALL, "--engine", "torch", "--out", "other")
    (folder / "run/checkpoint.safetensors").replace(folder / "other/checkpoint.safetensors")
    assert_refused(
        bptt("train", "--resume", "other", folder=folder),
        "doesn't fit the run: expected Whx of shape (6, 15) in float64",
        "in float32",
    )


def test_breakdown_in_torch_keeps_the_last_good_checkpoint(folder: Path) -> None:
    done = bptt(
        "train", "text.txt", *SMALL, "--engine", "torch", "--learning-rate", "1e308",
        "--checkpoint-every", "1", "--out", "run", folder=folder,
    )  # fmt: skip
    assert_refused(done, "training broke down in iteration", "last good checkpoint")
    assert all(np.isfinite(value).all() for value in load(folder, "run").values())
