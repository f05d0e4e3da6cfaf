"""The page of `bptt watch`: every number is the reference's own."""

import base64
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

import reference
from bptt.errors import InputError
from bptt.pages import watch as page
from bptt.pages.touches import touches
from bptt.pages.watching import Watched, watch
from bptt.runs.folder import RunFolder
from bptt.sessions import lifecycle
from bptt.training.diagnostics import norms_by_lag

from ...program import SMALL, TEXT, assert_refused, bptt, listing
from ...strategies import Case, cases
from .reading import assert_self_contained, data_of

CLIP = 0.5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a text, a run of it with a low clip, and texts to read."""
    made = tmp_path_factory.mktemp("watched")
    (made / "text.txt").write_text(TEXT)
    (made / "other.txt").write_text("the sea shells")
    (made / "greek.txt").write_text("she sells ψ")
    (made / "short.txt").write_text("s")
    (made / "latin.txt").write_bytes(b"caf\xe9")
    (made / "a_folder").mkdir()
    done = bptt("train", "text.txt", *SMALL, "--clip", CLIP, "--out", "run", folder=made)
    assert done.returncode == 0, done
    for name, more in (("plain", {"clip": None}), ("of_bytes", {"units": "bytes"})):
        lifecycle.make(str(made / "text.txt"), {"hidden_size": 6, **more}, made / name)
    return made


@pytest.fixture(scope="module")
def watched(folder: Path) -> Watched:
    return watch(folder / "run", folder / "text.txt", length=33)


def shown(watched: Watched) -> dict:
    return data_of(page.page(Path("runs/mine"), watched))


def test_page_is_self_contained_and_names_no_folder(watched: Watched, folder: Path) -> None:
    html = page.page(folder / "run", watched)
    assert_self_contained(html)
    assert str(folder) not in html


def test_states_losses_and_guesses_are_the_reference_s(watched: Watched, folder: Path) -> None:
    data = shown(watched)
    run = RunFolder(folder / "run")
    parameters, state = run.load_model().in_float64()
    indices = reference.Vocabulary(run.read_config().vocabulary).encode(TEXT[:34])
    trace = reference.forward(parameters, indices[:-1], indices[1:], state)
    assert data["text"] == indices.tolist()
    states = np.frombuffer(base64.b64decode(data["states"]), np.int8).reshape(33, 6)
    np.testing.assert_allclose(states / data["levels"], trace.states[1:, :, 0], atol=0.5 / 127)
    np.testing.assert_allclose(data["bits"], trace.losses / np.log(2), rtol=5.1e-4)  # 4 digits
    for guesses, probabilities in zip(data["guesses"], trace.probabilities[:, :, 0], strict=True):
        assert [p for _, p in guesses] == sorted((p for _, p in guesses), reverse=True)
        assert max(p for _, p in guesses) == pytest.approx(
            probabilities.max(), rel=5.1e-3
        )  # 3 digits
        for symbol, p in guesses:
            assert p == pytest.approx(probabilities[symbol], rel=5.1e-3)


def test_norms_are_those_of_every_character_and_lag(watched: Watched) -> None:
    data = shown(watched)
    norms = np.frombuffer(base64.b64decode(data["norms"]), "<f4").reshape(33, data["lags"])
    assert data["lags"] == 33
    for lag, of_steps in enumerate(norms_by_lag(watched.parameters, watched.trace)):
        np.testing.assert_allclose(norms[lag:, lag], of_steps, rtol=1e-6)
        assert not norms[:lag, lag].any()


def test_windows_are_the_run_s_and_their_touches_the_clip_s(watched: Watched) -> None:
    data, trace = shown(watched), watched.trace
    assert [window["start"] for window in data["windows"]] == list(range(0, 33, 5))
    whole = 0
    for window in data["windows"]:
        start, end = window["start"], min(33, window["start"] + 5)
        assert len(window["perStep"]) == end - start
        again = reference.forward(
            watched.parameters,
            trace.inputs[start:end],
            trace.targets[start:end],
            trace.states[start],
        )
        clipped, plain = (
            reference.backward(watched.parameters, again, clip) for clip in (CLIP, None)
        )
        for name, one, other in zip(page.PARAMETER_NAMES, clipped, plain, strict=True):
            places = decoded(window["touched"][name], one.size)
            assert set(np.flatnonzero(one != other).tolist()) <= places
            whole += len(places)
    assert whole > 0


def decoded(marks: list[int] | str, size: int) -> set[int]:
    if isinstance(marks, list):
        return set(marks)
    bits = np.unpackbits(np.frombuffer(base64.b64decode(marks), np.uint8), bitorder="little")
    return set(np.flatnonzero(bits[:size]).tolist())


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_marks_can_be_read_again(share: float) -> None:
    mask = np.random.default_rng(1).random((37, 11)) < share
    assert decoded(page._marks(mask), mask.size) == set(np.flatnonzero(mask).tolist())


@given(cases(max_size=6, max_scale=4.0))
def test_step_by_step_the_clip_gives_the_reference_s_gradient(case: Case) -> None:
    clip, trace = case.clip or 0.1, case.forward()
    found = touches(case.parameters, trace, clip)
    clipped, plain = (reference.backward(case.parameters, trace, one) for one in (clip, None))
    for name, ours, theirs, sums in zip(
        page.PARAMETER_NAMES, found.gradients, clipped, plain, strict=True
    ):
        assert ours.tobytes() == theirs.tobytes()
        untouched = ~found.touched[name]
        assert np.array_equal(theirs[untouched], sums[untouched])
    counted = sum(int(mask.sum()) for mask in found.touched.values())
    assert (sum(found.per_step) > 0) == (counted > 0)
    assert sum(found.per_step) >= counted


def test_run_without_a_running_clip_shows_none(folder: Path) -> None:
    data = shown(watch(folder / "plain"))
    assert data["clip"] is None
    assert data["windows"] == []


def test_own_text_is_read_where_none_is_named(folder: Path) -> None:
    found = watch(folder / "run", length=500)
    assert found.name == "text (training text)"
    assert found.vocabulary.decode(found.trace.inputs) == TEXT[:-1]


def test_command_writes_the_page(folder: Path) -> None:
    done = bptt(
        "watch", "run", "--text", "other.txt", "--length", "9", "--out", "page.html", folder=folder
    )
    assert done.returncode == 0, done
    assert "open it in a browser" in done.stdout
    data = data_of((folder / "page.html").read_text("utf-8"))
    assert len(data["text"]) == 10
    assert bptt("watch", "of_bytes", "--out", "bytes.html", folder=folder).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere"], ["nowhere is no run folder"]),
        (["run", "--text", "nothing.txt"], ["can't read nothing.txt"]),
        (["run", "--text", "a_folder"], ["can't read a_folder: Is a directory"]),
        (["run", "--text", "greek.txt"], ["greek.txt can't be read", "'ψ'", "position 10"]),
        (["run", "--text", "latin.txt"], ["latin.txt", "not utf-8"]),
        (["of_bytes", "--text", "greek.txt"], ["greek.txt can't be read"]),
        (["run", "--text", "short.txt"], ["at least 2 characters", "short.txt has 1"]),
        (["run", "--text", "/dev/zero"], ["it is a device"]),
        (["run", "--length", "0"], ["--length", "whole number of 1 to 2000, got 0"]),
        (["run", "--length", "2001"], ["got 2001"]),
        (["run", "--out", "a_folder"], ["--out must be a file that ends in .html, got a_folder"]),
        (["run", "--out", "no/page.html"], ["can't write no/page.html", "no folder no"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_watch_refuses(arguments: list[str], said: list[str], folder: Path) -> None:
    before = listing(folder)
    given = arguments if "--out" in arguments else [*arguments, "--out", "new.html"]
    assert_refused(bptt("watch", *given, folder=folder), *said)
    assert listing(folder) == before


def test_missing_out_is_named(folder: Path) -> None:
    assert_refused(bptt("watch", "run", folder=folder), "--out")
    assert_refused(bptt("find-the-bug", folder=folder), "--out")
    assert_refused(bptt("find-the-bug", "--out", "a_folder", folder=folder), "ends in .html")


def test_text_that_is_gone_is_missed_with_advice(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(TEXT)
    lifecycle.make(str(tmp_path / "text.txt"), {"hidden_size": 6}, tmp_path / "run")
    (tmp_path / "text.txt").unlink()
    with pytest.raises(InputError, match=r"bptt watch .*run --text FILE"):
        watch(tmp_path / "run")
