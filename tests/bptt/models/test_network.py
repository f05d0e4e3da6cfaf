"""A loaded run computes what the reference, `bptt sample` and `bptt eval` do."""

import math
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import bptt
from bptt import InputError, load_run
from bptt.runs import results
from bptt.runs.folder import RunFolder
from reference import forward

from ... import program
from .kinds import KINDS


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=20)
@given(seed=st.integers(0, 99), length=st.integers(2, 30))
def test_logits_steps_and_loss_are_the_references(runs, kind, seed: int, length: int) -> None:
    network = load_run(runs[kind].path)
    V = len(network.vocabulary)
    indices = np.random.default_rng(seed).integers(0, V, length)
    symbols = network.vocabulary.decode(indices)
    text = symbols.encode("latin-1") if kind == "bytes" else symbols
    rows, state = network.logits(text), network.initial_state
    for t, row in enumerate(rows):
        state, logits = network.step(state, text[t : t + 1])
        assert np.array_equal(logits, row)
    trace = forward(network.weights, indices[:-1], indices[1:], network.initial_state)
    exponentials = np.exp(rows[:-1])
    probabilities = exponentials / exponentials.sum(axis=1, keepdims=True)
    assert probabilities == pytest.approx(trace.probabilities[:, :, 0], rel=1e-12)
    assert network.loss(text) == pytest.approx(trace.loss / (length - 1), rel=1e-11)
    assert network.bits(text) == pytest.approx(network.loss(text) / math.log(2), rel=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_sample_writes_what_the_command_does(runs, kind: str) -> None:
    network, path = load_run(runs[kind].path), runs[kind].path
    choices: list[dict[str, Any]] = [
        {"temperature": 0.0},
        {"temperature": 0.9, "seed": 3, "top_k": 4},
    ]
    for choice in choices:
        options = [f"--{name.replace('_', '-')}={value}" for name, value in choice.items()]
        if kind != "bytes":  # of those, the command writes the very bytes, not a str
            done = program.bptt("sample", path.name, *options, "--prime", "shé", folder=path.parent)
            assert done.stdout == network.sample("shé", **choice) + "\n"
    assert network.sample("She", length=0) == "She"
    assert network.sample(seed=4) == network.sample(seed=4) != network.sample(seed=5)


@pytest.mark.parametrize("kind", KINDS)
def test_bits_of_the_validation_text_are_the_runs(runs, kind: str) -> None:
    run = runs[kind]
    network, config, found = load_run(run.path), run.read_config(), results.read(run.results)
    split = config.parts.validation
    assert split is not None
    assert found.validation is not None
    content = (run.path.parent / "text.txt").read_text()
    text = content.encode() if kind == "bytes" else content
    bits = network.bits(text[split.start : split.start + split.length])
    rounding = 1e-5 if kind == "float32" else 1e-11
    assert bits == pytest.approx(found.validation.bits_per_character, rel=rounding)


@pytest.mark.parametrize("kind", KINDS)
def test_best_and_final_weights_are_those_with_the_digests(runs, kind: str) -> None:
    found = results.read(runs[kind].results)
    assert load_run(runs[kind].path).digest == found.best_weights
    assert load_run(str(runs[kind].path), weights="final").digest == found.final_weights
    assert load_run(runs[kind].path).iteration == found.iteration


def test_bytes_are_read_as_bytes_or_utf_8(runs) -> None:
    network = load_run(runs["bytes"].path)
    assert np.array_equal(network.logits("Sé"), network.logits("Sé".encode()))
    assert len(network.logits("Sé")) == 3
    with pytest.raises(InputError, match="a step reads one symbol, got 2"):
        network.step(network.initial_state, "é")


WRONG = {
    "unknown character": (lambda one: one.bits("She sells Ω"), "'Ω'"),
    "unknown prime": (lambda one: one.sample("Ω"), "'Ω'"),
    "bytes": (lambda one: one.logits(b"She"), "must be str, got bytes"),
    "no symbol": (lambda one: one.step(one.initial_state, ""), "one symbol, got 0"),
    "two symbols": (lambda one: one.step(one.initial_state, "Sh"), "one symbol, got 2"),
    "state": (lambda one: one.step(np.zeros(6), "S"), r"shape \(6, 1\), got \(6,\)"),
    "one character": (lambda one: one.loss("S"), "nothing to score"),
    "short": (lambda one: one.loss("She", window=3), "at least 4 characters, got 3"),
    "window": (lambda one: one.loss("She", window=0), "at least 1 character, got 0"),
    "length": (lambda one: one.sample(length=-1), "length must be at least 0, got -1"),
    "temperature": (lambda one: one.sample(temperature=-1.0), "temperature must be 0 or"),
    "top_k": (lambda one: one.sample(temperature=1.0, top_k=0), "top_k must be at least 1"),
    "top_p": (lambda one: one.sample(temperature=1.0, top_p=0.0), "top_p must be above 0"),
    "greedy": (lambda one: one.sample(top_k=3), "temperature above 0, got 0"),
    "empty prime": (lambda one: one.sample(""), "at least one character"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_the_network_cannot_read_is_refused(runs, name: str) -> None:
    call, said = WRONG[name]
    with pytest.raises(InputError, match=said):
        call(load_run(runs["float64"].path))


def unfinished(run: RunFolder) -> None:
    run.results.unlink()


def damaged(run: RunFolder) -> None:
    content = bytearray(run.best.read_bytes())
    content[-20] ^= 1
    run.best.write_bytes(content)


def without_best(run: RunFolder) -> None:
    run.best.unlink()


def gone(run: RunFolder) -> None:
    shutil.rmtree(run.path)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (unfinished, "must be a finished run, but has no results.json"),
        (damaged, "best.safetensors is damaged"),
        (without_best, "best.safetensors is gone: .* best validation, .* --last"),
        (gone, "is no run folder: nothing is there"),
    ],
)
def test_run_that_cannot_be_loaded_is_refused(runs, tmp_path: Path, damage, said: str) -> None:
    run = RunFolder(tmp_path / "run")
    shutil.copytree(runs["float64"].path, run.path)
    before = load_run(run.path)
    damage(run)
    with pytest.raises(InputError, match=said):
        load_run(run.path)
    if damage is unfinished:
        assert load_run(run.path, allow_unfinished=True).digest == before.digest


def test_wrong_choice_of_weights_is_refused(runs) -> None:
    with pytest.raises(InputError, match='"best" or "final", got \'last\''):
        load_run(runs["float64"].path, weights="last")  # pyright: ignore[reportArgumentType]


def test_public_names_are_there_and_no_others() -> None:
    for name in bptt.__all__:
        assert getattr(bptt, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        bptt.nothing  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]
