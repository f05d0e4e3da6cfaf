"""Reference networks: right gradients, the same training when killed, losses counted as said."""

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import reference
from benchmarks.baseline.module_training import ADAM, NORM, Clip, ModuleTraining, Protocol
from benchmarks.baseline.peers import evaluation, run
from benchmarks.baseline.peers.networks import Network
from benchmarks.baseline.peers.scan import Scan
from benchmarks.baseline.peers.settings import PeerSettings, checked
from benchmarks.baseline.peers.training import PeerTraining
from bptt.errors import InputError
from bptt.verify import Settings, verify_backward
from torch_impl.convert import from_reference

V, H, T, B = 7, 6, 4, 3
TEXT = np.random.default_rng(5).integers(V, size=400)
MODELS = ("rnn", "gru", "lstm", "mingru")


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As the command sets it; for sizes like these, several take a multiple of the time."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def settings(model: str, **changed) -> PeerSettings:
    given = {"model": model, "hidden_size": H, "seq_length": T, "lanes": B, "iterations": 50,
             "learning_rate": 0.01, "split": "90/10/0", "validate_every": 5}  # fmt: skip
    return checked(given | changed)


def dropped(model: str) -> PeerSettings:
    more = {} if model == "mingru" else {"recurrent_dropout": 0.3}
    return settings(model, layers=2, output_dropout=0.3, average_decay=0.9, **more)


def test_backward_pass_of_the_scan_is_right() -> None:
    def inputs(rng: np.random.Generator, steps: int, lanes: int, units: int):
        shape = (steps, lanes, units)
        drawn = [rng.uniform(0, 1, shape), rng.standard_normal(shape)]
        return *map(torch.tensor, drawn), torch.tensor(rng.standard_normal((lanes, units)))

    report = verify_backward(
        Scan.apply, inputs, settings=Settings(cases=3, budget=1.0), race_seconds=0.0
    )
    assert report.exit_status == 0, report.verdict


def test_plain_rnn_is_trained_as_by_the_other_loop() -> None:
    """Which is compared with the hand-written gradient in test_module_training."""
    ours = PeerTraining(TEXT, V, settings("rnn", clip_kind="norm", clip=2.0))
    weights = {name: value.numpy() for name, value in ours.network.state_dict().items()}
    bias = weights["layers.0.cell.bias_ih_l0"] + weights["layers.0.cell.bias_hh_l0"]
    start = reference.Parameters(
        weights["layers.0.cell.weight_ih_l0"],
        weights["layers.0.cell.weight_hh_l0"],
        weights["linear.weight"],
        bias[:, None],
        weights["linear.bias"][:, None],
    )
    protocol = Protocol(
        seq_length=T, lanes=B, learning_rate=lambda _: 0.01, optimizer=ADAM, clip=Clip(NORM, 2.0)
    )
    theirs = ModuleTraining(TEXT, protocol, parameters=from_reference(start, dtype=torch.float32))
    # Their second hidden bias stays zero; so does ours if it doesn't learn.
    ours.network.layers[0].cell.bias_ih_l0.data += ours.network.layers[0].cell.bias_hh_l0.data  # pyright: ignore
    ours.network.layers[0].cell.bias_hh_l0.data.zero_()  # pyright: ignore
    ours.network.layers[0].cell.bias_hh_l0.requires_grad_(False)  # pyright: ignore
    for _ in range(40):  # the lanes begin again once
        assert ours.step().loss == pytest.approx(theirs.step().loss, rel=1e-5)


@pytest.mark.parametrize("model", MODELS)
def test_restored_training_goes_on_with_the_same_bits(model: str) -> None:
    whole, first, second = (PeerTraining(TEXT, V, dropped(model)) for _ in range(3))
    losses = [whole.step().loss for _ in range(12)]
    assert [first.step().loss for _ in range(7)] == losses[:7]
    second.step()
    second.restore(first.saved())
    assert [second.step().loss for _ in range(5)] == losses[7:]
    assert run.digest(second.averaged.state_dict()) == run.digest(whole.averaged.state_dict())


@pytest.mark.parametrize("model", MODELS)
def test_network_learns_what_the_state_alone_tells(model: str) -> None:
    text = np.resize([0, 1, 0, 2], 2000)  # after a 0, only the state knows what comes
    training = PeerTraining(text, 3, settings(model, learning_rate=0.03))
    for _ in range(100):
        training.step()
    assert evaluation.one_stream(training.network, text[:200])[0] < 0.1 * math.log(2)


def test_dropout_drops_its_fraction_and_keeps_the_mean() -> None:
    training = PeerTraining(TEXT, V, dropped("lstm"))
    kept = training._drop(torch.ones(100_000), 0.3)
    assert float((kept == 0).float().mean()) == pytest.approx(0.3, abs=0.01)
    assert float(kept.mean()) == pytest.approx(1.0, abs=0.02)


def test_every_iteration_draws_masks_of_its_own() -> None:
    training, after = PeerTraining(TEXT, V, dropped("lstm")), set()
    for _ in range(5):
        training.step()
        after.add(float(torch.rand(1, generator=training.generator)))
    assert len(after) == 5


def test_average_is_of_all_weights_so_far() -> None:
    training = PeerTraining(TEXT, V, settings("gru", average_decay=0.5))
    expected = training.network.linear.weight.detach().clone()
    for n in range(1, 9):
        training.step()
        decay = min(0.5, (1 + n) / (10 + n))
        expected = decay * expected + (1 - decay) * training.network.linear.weight.detach()
    torch.testing.assert_close(training.averaged.linear.weight.detach(), expected)


@pytest.mark.parametrize("model", MODELS)
def test_estimate_is_the_loss_of_one_stream_but_for_what_sections_forget(model: str) -> None:
    length = evaluation.SECTIONS * evaluation.WARM_UP - 5
    text = np.random.default_rng(3).integers(V + 1, size=length)  # V: unknown symbols
    network = Network(settings(model), V)
    nats, counted = evaluation.one_stream(network, text)
    assert counted == np.count_nonzero(text[1:] < V)
    assert evaluation.estimate(network, text) == pytest.approx(nats, rel=1e-6)
    few = text[:3].clip(max=V - 1)
    loss = evaluation.one_stream(network, few)
    assert loss[1] == 2
    assert evaluation.estimate(network, few) == pytest.approx(loss[0], rel=0.2)


def test_windows_are_read_from_a_zero_state_each() -> None:
    network, text = Network(settings("lstm"), V), TEXT[:100]
    parts = [evaluation.one_stream(network, text[s : s + 9])[0] for s in range(0, 96 - 7, 8)]
    assert evaluation.windows(network, text, 8) == pytest.approx(np.mean(parts), rel=1e-5)
    with pytest.raises(ValueError, match="at least 101 characters, got 100"):
        evaluation.windows(network, text, 100)


def test_run_that_was_stopped_ends_as_one_that_was_not(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "text.txt").write_text("".join("abcdefg"[i] for i in TEXT))
    given = dropped("lstm").model_dump() | {"log_every": 3}
    whole = run.create(str(tmp_path / "text.txt"), given, tmp_path / "whole")
    assert whole.train() is None
    parts = run.create(str(tmp_path / "text.txt"), given, tmp_path / "parts")
    step, stops = PeerTraining.step, [13, 14, 28]

    def interrupted(training: PeerTraining):
        if stops and training.iteration == stops[0]:
            del stops[0]
            raise KeyboardInterrupt
        return step(training)

    monkeypatch.setattr(PeerTraining, "step", interrupted)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            parts.train()
        parts = run.PeerRun(tmp_path / "parts")
    assert parts.train() is None
    left, right = (run.results.read(one.results_file) for one in (whole, parts))
    assert left.model_dump(exclude={"seconds"}) == right.model_dump(exclude={"seconds"})
    logs = [run.log.read(one.log_file, run.log.Entry) for one in (whole, parts)]
    told = [[one.model_dump(exclude={"seconds"}) for one in entries] for entries in logs]
    assert told[0] == told[1]


@pytest.mark.parametrize("model", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("initialization", ["torch", "orthogonal"])
def test_scales_are_factors_of_initial_weights(model: str, initialization: str) -> None:
    plain = settings(model, initialization=initialization)
    scaled = settings(model, initialization=initialization, input_scale=4.0, recurrent_scale=0.5)
    before, after = (PeerTraining(TEXT, V, one).network.state_dict() for one in (plain, scaled))
    factors = {"layers.0.cell.weight_ih_l0": 4.0, "layers.0.cell.weight_hh_l0": 0.5}
    for name, value in before.items():
        assert torch.equal(after[name], factors.get(name, 1.0) * value), name


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"model": "mamba"}, "'lstm', 'gru' or 'mingru', got 'mamba'"),
        ({"model": "mingru", "recurrent_dropout": 0.1}, "minGRU has no recurrent weights"),
        ({"model": "mingru", "input_scale": 2.0}, "minGRU has no weights for input_scale"),
        ({"split": "all"}, "must keep a validation text, got all"),
        ({"clip": 1.0}, "clip_kind none doesn't go with clip 1.0"),
        ({"warmup": 50}, "shorter than 50 iterations, got 50"),
        ({"hidden": 3}, "hidden"),
    ],
)
def test_wrong_settings_are_refused(changed: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        settings(**({"model": "lstm"} | changed))
