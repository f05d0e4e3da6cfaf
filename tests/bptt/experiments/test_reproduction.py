"""A run that is trained again has the same bits, or it is said since when it has others."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from bptt.errors import InputError
from bptt.experiments import reproduction
from bptt.runs import digests, log, results
from bptt.runs.folder import RunFolder
from bptt.runs.log import Entry
from bptt.sessions import lifecycle

from ...kinds import KINDS
from ...program import TEXT, bptt

SMALL = {"hidden_size": 5, "seq_length": 7, "iterations": 40, "checkpoint_every": 10,
         "validate_every": 15, "sample_every": 20, "lanes": 2}  # fmt: skip


def trained(folder: Path, **given) -> RunFolder:
    (folder / "text.txt").write_text(TEXT * 2)
    return lifecycle.begin(str(folder / "text.txt"), SMALL | given, folder / "run")


@pytest.mark.parametrize("kind", [KINDS[4], KINDS[10], KINDS[12]], ids=str)
def test_second_training_has_the_same_bits_at_every_checkpoint(kind: dict, tmp_path: Path) -> None:
    run = trained(tmp_path, **kind)
    found = reproduction.repeat(reproduction.of_run(run), {}, tmp_path / "again")
    assert found.is_exact
    assert (found.agreed, found.last_agreed) == (4, 40)
    entries = log.read(run.log, Entry)
    assert [entry.iteration for entry in entries if entry.weights] == [10, 20, 30, 40]
    outcome = results.read(run.results)
    assert outcome.final_weights == entries[-1].weights == run.load_model(last=True).digest
    assert str(outcome.final_weights) in run.card.read_text()


@pytest.mark.parametrize("iteration", [10, 30])
def test_first_checkpoint_with_other_bits_is_named(iteration: int, tmp_path: Path) -> None:
    run = trained(tmp_path, engine="fast")
    entries = [
        entry.model_copy(update={"weights": "0" * 64}) if entry.iteration == iteration else entry
        for entry in log.read(run.log, Entry)
    ]
    log.write(run.log, entries)
    done = bptt("reproduce", "run", folder=tmp_path)
    assert done.returncode == 1, done
    (said,) = [line for line in done.stdout.splitlines() if line.startswith("Other bits")]
    since = "the first checkpoint on, of" if iteration == 10 else "since the checkpoint of"
    assert f"{since} iteration {iteration}" in said
    assert ("those of iteration 20 and before are the same" in said) == (iteration == 30)


def test_weights_that_differ_at_the_end_only_are_other_bits(tmp_path: Path) -> None:
    run = trained(tmp_path, engine="fast")
    outcome = json.loads(run.results.read_text())
    run.results.write_text(json.dumps(outcome | {"best_weights": "0" * 64}))
    done = bptt("reproduce", "run", "--out", "again", folder=tmp_path)
    assert done.returncode == 1
    assert "the best weights differ, but none of the 4 checkpoints' before" in done.stdout
    assert (tmp_path / "again/results.json").exists()


def test_same_bits_end_with_0(tmp_path: Path) -> None:
    run = trained(tmp_path)
    done = bptt("reproduce", "run", folder=tmp_path)
    assert done.returncode == 0, done
    assert f"SHA-256 {results.read(run.results).final_weights}" in done.stdout.splitlines()[-1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "text.txt"]


def test_run_that_was_moved_with_its_text_finds_it(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    trained(tmp_path / "before", engine="fast")
    (tmp_path / "before").rename(tmp_path / "after")
    run = RunFolder(tmp_path / "after/run")
    assert reproduction.repeat(reproduction.of_run(run), {}, tmp_path / "again").is_exact


def test_what_cannot_be_reproduced_is_refused(tmp_path: Path) -> None:
    run = trained(tmp_path)
    (tmp_path / "other.txt").write_text(TEXT * 3)
    with pytest.raises(InputError, match="was trained on another text"):
        reproduction.repeat(
            reproduction.of_run(run), {"corpus": str(tmp_path / "other.txt")}, tmp_path / "again"
        )
    outcome = json.loads(run.results.read_text())
    del outcome["final_weights"]
    run.results.write_text(json.dumps(outcome))
    with pytest.raises(InputError, match="of an older version"):
        reproduction.of_run(run)
    run.results.unlink()
    done = bptt("reproduce", "run", folder=tmp_path)
    assert done.returncode == 2
    assert "must be a finished run" in done.stderr


def test_digest_is_of_names_dtypes_shapes_and_bytes() -> None:
    weights = {name: np.full((2, 1), 0.5, np.float32) for name in ("Whx", "Wha", "Wya", "bh", "by")}
    written = b"".join(f"{name} float32 (2, 1)\n".encode() + b"\0\0\0\x3f" * 2 for name in weights)
    assert digests.of_weights(weights | {"hidden_state": 1}) == hashlib.sha256(written).hexdigest()
    assert digests.of_weights(weights | {"bh": np.full((1, 2), 0.5, np.float32)}) != (
        digests.of_weights(weights)
    )
    assert digests.of_weights(weights | {"a0": np.zeros((2, 1))}) != digests.of_weights(weights)
