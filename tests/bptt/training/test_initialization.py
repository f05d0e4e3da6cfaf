"""Where weights begin."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import reference
from bptt.settings import Settings
from bptt.training import initialization
from bptt.training.initialization import initialize
from bptt.training.start import initial_parameters
from reference import Parameters


@given(V=st.integers(1, 9), H=st.integers(1, 9), seed=st.integers(0, 2**32 - 1))
def test_initializations_are_what_they_are_called(V: int, H: int, seed: int) -> None:
    def drawn(kind: str) -> Parameters:
        return initialize(kind, vocab_size=V, hidden_size=H, seed=seed)

    right = reference.initialize_parameters(vocab_size=V, hidden_size=H, seed=seed)
    for a, b in zip(drawn("notebook"), right, strict=True):
        np.testing.assert_array_equal(a, b)
    Wha = drawn("orthogonal").Wha
    np.testing.assert_allclose(Wha @ Wha.T, np.eye(H), atol=1e-14)
    np.testing.assert_array_equal(drawn("identity").Wha, np.eye(H))
    assert np.abs(drawn("glorot").Wha).max() <= np.sqrt(3 / H)
    for kind in ("orthogonal", "identity", "glorot"):
        made = drawn(kind)
        for a, b in zip(made, drawn(kind), strict=True):
            np.testing.assert_array_equal(a, b)
        for value in (made.Whx, made.Wya):
            assert np.abs(value).max() <= np.sqrt(6 / (V + H))
        assert not made.bh.any()
        assert not made.by.any()


@given(
    kind=st.sampled_from(["notebook", "orthogonal", "identity", "glorot"]),
    input_scale=st.floats(1e-3, 1e3),
    recurrent_scale=st.floats(0.0, 1e3),
    seed=st.integers(0, 2**32 - 1),
)
def test_scales_are_factors_of_the_weights_they_are_named_after(
    kind: Any, input_scale: float, recurrent_scale: float, seed: int
) -> None:
    chosen = Settings(
        initialization=kind,
        input_scale=input_scale,
        recurrent_scale=recurrent_scale,
        hidden_size=5,
        seed=seed,
    )
    found = initial_parameters(chosen, vocab_size=3)
    plain = initialize(kind, vocab_size=3, hidden_size=5, seed=seed)
    np.testing.assert_array_equal(found.Whx, input_scale * plain.Whx)
    np.testing.assert_array_equal(found.Wha, recurrent_scale * plain.Wha)
    for name in ("Wya", "bh", "by"):
        np.testing.assert_array_equal(getattr(found, name), getattr(plain, name))


@pytest.mark.parametrize("count", [1, 2, 1001])
def test_normals_are_numpys_to_rounding_and_in_their_order(count: int) -> None:
    expected = np.random.RandomState(5).standard_normal(count)
    found = initialization._normals(np.random.RandomState(5), count)
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("H", [1, 2, 7, 60])
def test_orthogonal_matrix_is_lapacks_with_a_positive_diagonal_to_rounding(H: int) -> None:
    Q, R = np.linalg.qr(np.random.RandomState(3).standard_normal((H, H)))
    expected = Q * np.where(np.diag(R) < 0, -1.0, 1.0)
    found = initialization._orthogonal(np.random.RandomState(3), H)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-13)
