"""A run that starts from another's weights: the same bits, recorded, and repeatable."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from bptt.errors import InputError
from bptt.experiments import reproduction, seeds
from bptt.runs import checkpoint, digests, published, results
from bptt.runs.folder import RunFolder
from bptt.sessions import lifecycle
from bptt.training.state import to_arrays

from ...program import TEXT, assert_refused, bptt, listing

SIZES = {"hidden_size": 6, "seq_length": 5, "iterations": 50, "validate_every": 10,
         "learning_rate": 0.5, "checkpoint_every": 25}  # fmt: skip
MORE = {name: value for name, value in SIZES.items() if name != "hidden_size"}
WEIGHTS = ("Whx", "Wha", "Wya", "bh", "by")


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with two texts of the same symbols, and a run on the first."""
    folder = tmp_path_factory.mktemp("initial")
    (folder / "text.txt").write_text(TEXT * 2)
    (folder / "other.txt").write_text("".join(sorted(TEXT)) + "sea shells; " * 30)
    undrawn(lambda: lifecycle.begin(str(folder / "text.txt"), SIZES, folder / "first"))
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    for name in ("text.txt", "other.txt"):
        shutil.copy(trained / name, tmp_path / name)
    shutil.copytree(trained / "first", tmp_path / "first")
    return tmp_path


def undrawn(train):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(RunFolder, "draw", lambda *_: None)
        return train()


def fine_tuned(folder: Path, **given) -> RunFolder:
    chosen = MORE | {"init_from": str(folder / "first")} | given
    place = str(folder / "other.txt")
    return undrawn(lambda: lifecycle.begin(place, chosen, folder / "second"))


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"engine": "torch", "dtype": "float32", "optimizer": "adam", "lanes": 2},
        {"engine": "fast", "learn_initial_state": True, "lanes": 2, "average_decay": 0.9},
    ],
    ids=["numpy", "torch", "fast"],
)
def test_run_starts_from_the_best_weights_of_the_other(folder: Path, given: dict) -> None:
    source = RunFolder(folder / "first").load_model()
    chosen = MORE | {"init_from": str(folder / "first")} | given
    run = lifecycle.make(str(folder / "other.txt"), chosen, folder / "second")
    arrays = to_arrays(run.training)
    dtype = run.config.dtype
    for name, value in zip(WEIGHTS, source.parameters, strict=True):
        assert np.array_equal(arrays[name], value.astype(dtype)), name
    assert run.training.iteration == 0
    for name, value in arrays.items():
        kind, _, of = name.partition(".")
        if of:
            assert np.array_equal(value, arrays[of]) if kind == "average" else not value.any()
    assert run.config.hidden_size == 6
    assert run.config.vocabulary == RunFolder(folder / "first").read_config().vocabulary
    assert run.config.initial_weights == digests.of_weights(arrays)
    if dtype == "float64" and not run.config.learn_initial_state:
        assert run.config.initial_weights == source.digest
    step = run.training.step()
    assert np.isfinite(step.loss)


def test_learned_initial_state_goes_along(folder: Path) -> None:
    own = SIZES | {"learn_initial_state": True}
    undrawn(lambda: lifecycle.begin(str(folder / "text.txt"), own, folder / "stateful"))
    state = RunFolder(folder / "stateful").load_model().initial_state
    assert state.any()
    given = MORE | {"init_from": str(folder / "stateful"), "lanes": 2}
    arrays = to_arrays(lifecycle.make(str(folder / "other.txt"), given, folder / "a").training)
    assert np.array_equal(arrays["a0"], state)
    assert np.array_equal(arrays["hidden_state"], np.hstack([state, state]))
    zero = given | {"learn_initial_state": False}
    arrays = to_arrays(lifecycle.make(str(folder / "other.txt"), zero, folder / "b").training)
    assert "a0" not in arrays
    assert not arrays["hidden_state"].any()


def test_checkpoint_can_be_named_in_place_of_the_best_weights(folder: Path) -> None:
    first = RunFolder(folder / "first")
    assert first.load_model().digest != first.load_model(last=True).digest
    given = MORE | {"init_from": str(first.checkpoint)}
    run = lifecycle.make(str(folder / "other.txt"), given, folder / "second")
    assert run.config.initial_weights == first.load_model(last=True).digest


def test_run_is_resumed_without_the_other(folder: Path) -> None:
    whole = fine_tuned(folder)
    (folder / "second").rename(folder / "whole")
    short = fine_tuned(folder, iterations=20)
    (folder / "first").rename(folder / "gone")
    undrawn(lambda: lifecycle.resume(short.path, None, {"iterations": 50}))
    found = results.read(RunFolder(folder / "whole").results)
    assert results.read(short.results).final_weights == found.final_weights
    assert whole.path == short.path


def test_run_is_reproduced_without_the_other_and_a_card_with_it(folder: Path) -> None:
    run = fine_tuned(folder, engine="torch", dtype="float32")
    (folder / "first").rename(folder / "moved")
    again = undrawn(lambda: reproduction.repeat(reproduction.of_run(run), {}, folder / "again"))
    assert again.is_exact
    assert again.agreed == 2
    card = folder / "card.md"
    card.write_bytes(run.card.read_bytes())
    (claim,) = reproduction.claims(card)
    with pytest.raises(InputError, match="--init-from RUN") as caught:
        reproduction.repeat(claim, {}, folder / "third")
    assert str(run.read_config().initial_weights) in str(caught.value)
    place = {"init_from": str(folder / "moved/checkpoint.safetensors")}
    with pytest.raises(InputError, match="started from weights with SHA-256"):
        reproduction.repeat(claim, place, folder / "third")
    assert not (folder / "third").exists()
    place = {"init_from": str(folder / "moved")}
    assert undrawn(lambda: reproduction.repeat(claim, place, folder / "third")).is_exact


def test_start_is_the_first_checkpoint_and_only_where_it_is_needed(folder: Path) -> None:
    run = fine_tuned(folder)
    config = run.read_config()
    header, _ = checkpoint.load(run.start, config)
    assert header.iteration == 0
    assert checkpoint.load_model(run.start, config).digest == config.initial_weights
    assert not RunFolder(folder / "first").start.exists()


def test_seeds_start_from_the_run_with_their_seed(folder: Path) -> None:
    text = str(folder / "text.txt")
    many = seeds.make(text, SIZES, 2, folder / "many")
    given = MORE | {"init_from": str(many.path)}
    tuned = seeds.make(str(folder / "other.txt"), given, 2, folder / "tuned")
    for before, after in zip(many.runs(), tuned.runs(), strict=True):
        expected = before.load_model(last=True).digest
        assert after.read_config().initial_weights == expected
        assert after.load_model(last=True).digest == expected


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["new.txt", "--init-from", "first", "--split", "all"],
            ["2 symbols", "doesn't know: 'é' 'Ω'"],
        ),
        (["other.txt", "--init-from", "first", "--hidden", "7"], ["must be 6", "got 7"]),
        (["other.txt", "--init-from", "first", "--units", "bytes"], ["characters", "got bytes"]),
        (["other.txt", "--init-from", "nowhere"], ["is no run folder: nothing is there"]),
        (["other.txt", "--init-from", "other.txt"], ["is no run folder: it has no config.json"]),
        (["other.txt", "--init-from", "first/log.csv"], ["log.csv is damaged or no checkpoint"]),
        (["--resume", "first", "--init-from", "first"], ["got init-from"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_weights_that_do_not_fit_are_refused(folder: Path, arguments, said) -> None:
    (folder / "new.txt").write_text("Ω " + TEXT + "é")
    before = listing(folder)
    assert_refused(bptt("train", *arguments, folder=folder), *said)
    assert listing(folder) == before


def test_weights_too_large_for_float32_are_refused(folder: Path) -> None:
    run = lifecycle.make(str(folder / "text.txt"), SIZES, folder / "large")
    run.training.learned["by"][0] = 1e300
    checkpoint.save(run.folder.checkpoint, run.training, run.progress, run.config.corpus.sha256)
    given = MORE | {"engine": "torch", "dtype": "float32", "init_from": str(run.folder.path)}
    with pytest.raises(InputError, match=r"by of .* has numbers too large for float32"):
        lifecycle.make(str(folder / "other.txt"), given, folder / "second")


def test_settings_and_digest_need_each_other_in_a_protocol(folder: Path) -> None:
    run = fine_tuned(folder)
    protocol = folder / "protocol.toml"
    block = published.to_block(run.read_config(), results.read(run.results))
    protocol.write_text(block)
    (found,) = published.read(protocol)
    assert found.result.initial_weights == run.read_config().initial_weights
    lines = block.splitlines()
    protocol.write_text("\n".join(line for line in lines if "initial_weights" not in line))
    with pytest.raises(InputError, match="init_from and initial_weights need each other"):
        published.read(protocol)


def test_config_of_the_run_repeats_it(folder: Path) -> None:
    run = fine_tuned(folder)
    given = ("train", "--config", "second/config.json", "--out", "third")
    done = undrawn(lambda: bptt(*given, folder=folder))
    assert done.returncode == 0, done
    first, second = (json.loads((folder / name / "results.json").read_text())
                     for name in (run.path.name, "third"))  # fmt: skip
    assert first["final_weights"] == second["final_weights"]
