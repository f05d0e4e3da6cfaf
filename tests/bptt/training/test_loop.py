"""Training from parts: the notebook's loop where it does the same, and each part by itself."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt.engines import gradients
from bptt.engines.names import PARAMETER_NAMES
from bptt.engines.registry import ENGINES, gradient_engine
from bptt.settings import Settings
from bptt.training import optimizers
from bptt.training.loop import TrainingLoop
from bptt.training.start import initial_parameters
from bptt.training.state import state_names
from reference import Parameters, Vocabulary

TEXT = "the quick brown fox jumps over the lazy dog, and back again; then he sleeps. " * 3
VOCABULARY = Vocabulary.from_text(TEXT)
INDICES = VOCABULARY.encode(TEXT)
DTYPES = {"float64": torch.float64, "float32": torch.float32}


def training_loop(**given: Any) -> TrainingLoop:
    """The given parameters are those that training begins with."""
    weights = given.pop("parameters", None)
    chosen = Settings.model_validate({"hidden_size": 5, "seq_length": 7, "iterations": 20} | given)
    if weights is None:
        weights = initial_parameters(chosen, len(VOCABULARY))
    return TrainingLoop(
        INDICES,
        chosen,
        vocabulary=VOCABULARY,
        engine=gradient_engine(chosen, weights),
    )


def own(training: TrainingLoop) -> Any:
    """The engine's own loop, of the same settings."""
    chosen = training.settings
    engine = next(
        engine for engine in ENGINES if (engine.name, engine.dtype) == (chosen.engine, chosen.dtype)
    )
    return engine.start(
        INDICES,
        chosen.hyperparameters,
        vocabulary=VOCABULARY,
        seed=chosen.seed,
        clip=chosen.running_clip,
        lanes=chosen.lanes,
    )


@pytest.mark.parametrize("lanes", [1, 2, 8])
@pytest.mark.parametrize("clip", [5.0, 0.05, None])
@pytest.mark.parametrize(("engine", "dtype"), [(one.name, one.dtype) for one in ENGINES])
def test_composed_adagrad_is_an_engines_own_loop_bit_for_bit(engine, dtype, clip, lanes) -> None:
    """Also where the engine's own fuses the update with the gradients."""
    ours = training_loop(engine=engine, dtype=dtype, clip=clip, lanes=lanes, sample_every=8)
    theirs = own(ours)
    for step, its in zip(ours, theirs, strict=True):
        assert step.loss == pytest.approx(its.loss, rel=1e-13)  # a sum in another order
        assert step.sample == its.sample
    for name, a, b in zip(PARAMETER_NAMES, ours.parameters, theirs.parameters, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b), name)
    for name, b in zip(PARAMETER_NAMES, theirs.accumulators, strict=True):
        sums = ours.optimizer_state[f"sums.{name}"]
        np.testing.assert_array_equal(np.asarray(sums), np.asarray(b), name)
    np.testing.assert_array_equal(np.asarray(ours.hidden_state), np.asarray(theirs.hidden_state))
    assert ours.position == theirs.position


def weights(V: int, H: int, seed: int, scale: float) -> Parameters:
    rng = np.random.default_rng(seed)
    shapes = ((H, V), (H, H), (V, H), (H, 1), (V, 1))
    # Numbers that both formats hold, so that all engines begin with the same.
    return Parameters(
        *(
            (scale * rng.standard_normal(shape)).astype(np.float32).astype(np.float64)
            for shape in shapes
        )
    )


@settings(max_examples=40)
@given(
    V=st.integers(1, 6),
    H=st.integers(1, 9),
    T=st.integers(1, 6),
    lanes=st.integers(1, 9),
    seed=st.integers(0, 2**32 - 1),
    clip=st.sampled_from([None, 5.0, 0.03]),
    scale=st.sampled_from([0.01, 0.5, 2.0]),
)
def test_engines_differentiate_a_window_alike(V, H, T, lanes, seed, clip, scale) -> None:
    parameters, rng = weights(V, H, seed, scale), np.random.default_rng(seed)
    characters = rng.integers(0, V, (T + 1, lanes))
    state = (np.tanh(rng.standard_normal((H, lanes)))).astype(np.float32).astype(np.float64)
    found, loss = {}, math.nan
    for engine in ENGINES:
        chosen = {"engine": engine.name, "dtype": engine.dtype, "seq_length": T, "lanes": lanes}
        asked = gradient_engine(Settings.model_validate(chosen), parameters)
        window = characters[:-1], characters[1:], torch.tensor(state, dtype=DTYPES[engine.dtype])
        for _ in range(2):  # a window leaves nothing behind for the next
            loss = asked.differentiate(window, clip)
        found[engine.name, engine.dtype] = (loss, asked)
    loss, right = found["numpy", "float64"]
    size = T * lanes * (1 + scale) ** 2 * H  # what nothing in a gradient exceeds by much
    for (_, dtype), (other, asked) in found.items():
        unit = 1e-5 if dtype == "float32" else 1e-14
        assert other == pytest.approx(loss, rel=100 * unit, abs=unit * T * lanes * size)
        slack = unit * size * (1 + scale * H) ** min(T, 3)
        for name in PARAMETER_NAMES:
            np.testing.assert_allclose(
                asked.gradients[name].numpy(), right.gradients[name].numpy(), 100 * unit, slack
            )
        for got, expected in (
            (asked.final_state, right.final_state),
            (asked.initial_state_gradient, right.initial_state_gradient),
        ):
            assert got.shape == (H, lanes)
            np.testing.assert_allclose(got.numpy(), expected.numpy(), 100 * unit, slack)


def plain_gradient(training: TrainingLoop) -> list[torch.Tensor]:
    """autograd's, of the loss that the first window sums, in the weights and then in a0."""
    T, B = training.settings.seq_length, training.lanes
    section = len(INDICES) // B
    values = [value.detach().clone().requires_grad_() for value in training.learned.values()]
    Whx, Wha, Wya, bh, by, *rest = values
    losses = []
    for lane in range(B):
        state = rest[0] if rest else torch.zeros_like(bh)
        for t in range(lane * section, lane * section + T):
            x, y = int(INDICES[t]), int(INDICES[t + 1])
            state = torch.tanh(Wha @ state + Whx[:, x : x + 1] + bh)
            losses.append(-torch.log_softmax((Wya @ state + by)[:, 0], 0)[y])
    return list(torch.autograd.grad(torch.stack(losses).sum(), values))


@pytest.mark.parametrize("engine", ["numpy", "torch", "fast"])
@pytest.mark.parametrize("learn", [False, True])
@pytest.mark.parametrize("kind", ["none", "value", "norm", "running"])
@pytest.mark.parametrize("lanes", [1, 3])
def test_clips_are_what_they_say_of_autograds_gradient(engine, learn, kind, lanes) -> None:
    clip = {"none": None, "value": 0.3, "norm": 0.7, "running": 1e6}[kind]
    training = training_loop(
        engine=engine, clip_kind=kind, clip=clip, lanes=lanes, learn_initial_state=learn,
        optimizer="sgd", learning_rate=1.0, initialization="glorot",
    )  # fmt: skip
    plain = plain_gradient(training)
    assert clip is None or kind == "running" or max(g.abs().max() for g in plain) > clip
    if kind == "value":
        plain = [gradient.clamp(-0.3, 0.3) for gradient in plain]
    elif kind == "norm":
        norm = torch.cat([gradient.ravel() for gradient in plain]).norm()
        plain = [gradient * 0.7 / norm for gradient in plain]
    before = [value.clone() for value in training.learned.values()]
    training.step()
    for name, old, now, gradient in zip(
        training.learned, before, training.learned.values(), plain, strict=True
    ):
        torch.testing.assert_close(old - now, gradient, rtol=1e-9, atol=1e-12, msg=name)


def test_norm_below_the_clip_leaves_the_gradient_alone() -> None:
    clipped = training_loop(clip_kind="norm", clip=1e6)
    free = training_loop(clip_kind="none")
    assert list(clipped) == list(free)


@pytest.mark.parametrize("engine", ["numpy", "torch", "fast"])
def test_initial_state_is_learned_where_a_section_begins_and_begins_it(engine: str) -> None:
    training = training_loop(
        engine=engine, learn_initial_state=True, lanes=2, seq_length=20, optimizer="sgd",
        iterations=12, clip=None, initialization="glorot",
    )  # fmt: skip
    section = len(INDICES) // 2
    per_section = (section - 1) // 20
    for iteration in range(12):
        before = training.learned["a0"].clone()
        begins = iteration % per_section == 0
        if begins and iteration:
            assert training.position + 21 > section
        training.step()
        assert bool((training.learned["a0"] != before).any()) == begins
    assert not np.allclose(training.learned["a0"].numpy(), 0)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop", "sgd"])
def test_optimizers_are_torchs_from_their_first_step(optimizer, momentum, decay) -> None:
    if momentum and optimizer != "sgd":
        return
    chosen = Settings.model_validate(
        {"optimizer": optimizer, "momentum": momentum, "weight_decay": decay}
    )
    kinds: dict[str, Any] = {
        "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "rmsprop": torch.optim.RMSprop,
        "sgd": torch.optim.SGD,
    }  # fmt: skip
    generator = torch.Generator().manual_seed(1)
    ours = {name: torch.randn(3, 2, generator=generator) for name in ("a", "b")}
    theirs = {name: value.clone() for name, value in ours.items()}
    made = optimizers.make(chosen, ours, gradients.NumpyEngine(weights(2, 2, 1, 1.0)))
    more = {"momentum": momentum} if momentum else {}
    right = kinds[optimizer](theirs.values(), lr=1.0, weight_decay=decay, **more)
    for step in range(1, 6):
        slopes = {name: torch.randn(3, 2, generator=generator) for name in ours}
        if step == 3:
            del slopes["b"]  # as a0 away from a section's beginning
        for name, value in theirs.items():
            value.grad = slopes.get(name)
        right.param_groups[0]["lr"] = 0.1 / step
        right.step()
        made.step(slopes, 0.1 / step)
        for name in ours:
            assert torch.equal(ours[name], theirs[name])
    for key in state_names(chosen):
        for name in ours:
            assert torch.equal(made.state[f"{key}.{name}"], right.state[theirs[name]][key])


def test_loss_out_of_the_numbers_leaves_what_is_learned_alone() -> None:
    training = training_loop(optimizer="sgd", learning_rate=1e308, clip=None, engine="fast")
    kept = training.learned["Wya"].clone()

    def go_on() -> None:
        nonlocal kept
        for _ in range(20):
            kept = training.learned["Wya"].clone()
            training.step()

    with pytest.raises(FloatingPointError, match="finite number"):
        go_on()
    torch.testing.assert_close(training.learned["Wya"], kept, equal_nan=True, rtol=0, atol=0)
