"""Dropout's gradients are autograd's of the same masks, and its masks those of the documents."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from torch_impl.fast import Dropout, Window, differentiate_window
from torch_impl.fast.network import Network

from ...lockstep import assert_close
from .masks import masks

DTYPES = {torch.float64: 1e-12, torch.float32: 3e-5}


def drawn(V: int, H: int, T: int, B: int, seed: int) -> tuple[Any, ...]:
    """Return weights, inputs, targets and states that both formats hold."""
    rng = np.random.default_rng(seed)
    shapes = ((H, V), (H, H), (V, H), (H, 1), (V, 1))
    weights = [0.6 * rng.standard_normal(shape) / np.sqrt(shape[1]) for shape in shapes]
    state = np.tanh(rng.standard_normal((H, B)))
    *weights, state = (torch.from_numpy(a.astype(np.float32)).double() for a in (*weights, state))
    characters = rng.integers(0, V, (T + 1, B))
    return weights, characters[:-1], characters[1:], state


def folded(contributions: torch.Tensor, clip: float | None) -> torch.Tensor:
    """Sum over the first axis with the running clip, from the last step on."""
    total = torch.zeros_like(contributions[0])
    for one in reversed(contributions):
        total = total + one
        total = total if clip is None else total.clamp(-clip, clip)
    return total


def by_autograd(
    problem: tuple[Any, ...], dropout: Dropout, iteration: int, clip: float | None = None
) -> tuple[float, list[torch.Tensor], torch.Tensor, torch.Tensor]:
    """Return the loss, the gradients, the final state and the gradient of the initial one.

    Each step has its own copy of the weights, whose gradients are the running clip's terms.
    """
    weights, inputs, targets, state = problem
    (T, B), H = inputs.shape, len(state)
    kept, kept_state = (
        torch.from_numpy(found)
        for found in masks(dropout.seed, iteration, T, B, H, dropout.output, dropout.recurrent)
    )
    copies = [w.expand(T, *w.shape).clone().requires_grad_() for w in weights]
    initial = state.clone().requires_grad_()
    a, losses = initial, []
    for t in range(T):
        Whx, Wha, Wya, bh, by = (copy[t] for copy in copies)
        a = torch.tanh(Wha @ (kept_state * a) + Whx[:, inputs[t]] + bh)
        z = Wya @ (kept[t] * a) + by
        losses.append((torch.logsumexp(z, 0) - z[targets[t], torch.arange(B)]).sum())
    loss = torch.stack(losses).sum()
    *terms, to_initial = torch.autograd.grad(loss, [*copies, initial], allow_unused=True)
    assert to_initial is not None
    return loss.item(), [folded(term, clip) for term in terms], a.detach(), to_initial


def in_kernels(weights: Any, *window: Any, dtype: torch.dtype, **options: Any) -> Window:
    inputs, targets, state = window
    own = [w.to(dtype) for w in weights]
    return differentiate_window(own, inputs, targets, state.to(dtype), **options)


RATES = st.sampled_from([0.0, 0.1, 0.5, 0.9])


@settings(max_examples=60)
@given(
    V=st.integers(1, 6),
    H=st.sampled_from([1, 5, 16, 17, 33, 40, 70]),
    T=st.integers(1, 9),
    B=st.sampled_from([1, 2, 5, 9]),
    seed=st.integers(0, 2**32 - 1),
    iteration=st.sampled_from([1, 2, 77, 2**31, 2**32 + 5]),
    output=RATES,
    recurrent=RATES,
    dtype=st.sampled_from(list(DTYPES)),
    clip=st.sampled_from([None, 5.0, 0.1]),
)
def test_gradients_are_autograds_of_the_documented_masks(
    V, H, T, B, seed, iteration, output, recurrent, dtype, clip
) -> None:
    dropout, problem = Dropout(output, recurrent, seed), drawn(V, H, T, B, seed)
    loss, gradients, final, _ = by_autograd(problem, dropout, iteration, clip)
    found = in_kernels(*problem, dtype=dtype, clip=clip, dropout=dropout, iteration=iteration)
    relative = DTYPES[dtype]
    assert found.loss == pytest.approx(loss, rel=relative, abs=relative)
    rounding = (relative * T * B / (1 - max(output, recurrent)),) * 5
    assert_close(got=found.gradients, expected=gradients, relative=relative, rounding=rounding)
    np.testing.assert_allclose(found.final_state, final, relative, 10 * relative)


@pytest.mark.parametrize("B", [1, 3])
def test_gradient_of_the_initial_state_passes_its_mask(B: int) -> None:
    problem = weights, inputs, targets, state = drawn(4, 20, 6, B, 1)
    dropout = Dropout(0.3, 0.4, 7)
    *_, expected = by_autograd(problem, dropout, 9)
    network = Network(
        weights,
        vocab_size=4,
        hidden_size=20,
        seq_length=6,
        lanes=B,
        dtype=torch.float64,
        dropout=dropout,
    )
    network.differentiate(inputs, targets, state, np.inf, 9)
    torch.testing.assert_close(network.initial_signal, expected, rtol=1e-11, atol=1e-13)
    assert 0 < np.count_nonzero(expected.numpy() == 0) < expected.numel()


@pytest.mark.parametrize("B", [1, 5])
@pytest.mark.parametrize("of", ["Wha", "Wya"])
def test_running_clip_acts_on_sums_that_dropout_has_enlarged(of: str, B: int) -> None:
    """In a window of one step it is a clip of the sum; unmasked states could not reach it."""
    rates = Dropout(output=0.75) if of == "Wya" else Dropout(recurrent=0.75)
    weights, inputs, targets, _ = drawn(5, 40, 1, B, 3)
    state = torch.ones(40, B, dtype=torch.float64)
    weights[3][:] = 3.0  # states near 1, which attain the bound of the sums
    problem = weights, inputs, targets, state
    free = in_kernels(*problem, dtype=torch.float64, clip=None, dropout=rates)
    largest = getattr(free.gradients, of).abs().max()
    clipped = 0
    for factor in (0.3, 0.6, 0.9, 1.1):
        clip = float(factor * largest)
        found = in_kernels(*problem, dtype=torch.float64, clip=clip, dropout=rates)
        expected = getattr(free.gradients, of).clamp(-clip, clip)
        assert torch.equal(getattr(found.gradients, of), expected)
        clipped += int((expected != getattr(free.gradients, of)).sum())
    assert clipped > 0


@settings(max_examples=20)
@given(
    few=st.integers(2, 6), more=st.integers(1, 9), seed=st.integers(0, 2**32 - 1),
    dtype=st.sampled_from(list(DTYPES)),
)  # fmt: skip
def test_lanes_beside_it_change_no_bit_of_a_lane(few, more, seed, dtype) -> None:
    weights, inputs, targets, state = drawn(4, 20, 5, few + more, seed)
    dropout = Dropout(0.3, 0.5, seed)
    wide = in_kernels(weights, inputs, targets, state, dtype=dtype, dropout=dropout)
    own = inputs[:, :few], targets[:, :few], state[:, :few]
    narrow = in_kernels(weights, *own, dtype=dtype, dropout=dropout)
    assert torch.equal(wide.final_state[:, :few], narrow.final_state)


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.9])
def test_units_are_dropped_at_the_rate_and_independently(rate: float) -> None:
    T, B, H = 16, 16, 160
    windows = [masks(1, n, T, B, H, rate, rate)[0] == 0 for n in (1, 2)]
    windows.append(masks(2, 1, T, B, H, rate, rate)[0] == 0)
    dropped, size, spread = windows[0], T * B * H, rate * (1 - rate)
    others = [*windows[1:], *(np.roll(dropped, 1, axis) for axis in range(3)),
              np.roll(dropped, 16, 1), dropped[:, ::-1]]  # fmt: skip
    for window in windows:
        assert abs(window.mean() - rate) < 5 * np.sqrt(spread / size)
    for other in others:
        covariance = ((dropped - rate) * (other - rate)).mean()
        assert abs(covariance) < 5 * np.sqrt(spread**2 / size)


@pytest.mark.parametrize(
    ("dropout", "said"),
    [
        (Dropout(output=1.0), "at least 0 and below 1, got output 1.0"),
        (Dropout(recurrent=-0.1), "at least 0 and below 1, got recurrent -0.1"),
        (Dropout(output=float("nan")), "at least 0 and below 1, got output nan"),
        (Dropout(0.5, seed=2**32), r"must lie in 0..2\*\*32 - 1, got 4294967296"),
    ],
)
def test_rates_and_seeds_outside_their_bounds_are_refused(dropout: Dropout, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        in_kernels(*drawn(2, 3, 2, 1, 1), dtype=torch.float64, dropout=dropout)
