"""Matrix products of any size and layout, compared with NumPy's in float64."""

import numba
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from torch_impl.kernels import gemm
from torch_impl.kernels.products import loose


@numba.njit
def multiply(C, A, B, of_A, of_B, add):
    """Call gemm from a kernel, since only compiled code can call it."""
    left = loose(A.T) if of_A else loose(A)
    right = loose(B.T) if of_B else loose(B)
    gemm.gemm(loose(C), left, right, add)


# Around vectors, tiles of four rows, tiles of three and five vectors, blocks of depth and height.
EDGES = [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 79, 80, 81, 96, 150, 161]
sizes = st.sampled_from(EDGES)


def product(A, B, of_A=False, of_B=False, C=None):
    """Return C after the product; unless given, C is filled with NaN beforehand."""
    shape = A.shape[1 if of_A else 0], B.shape[0 if of_B else 1]
    out = np.full(shape, np.nan, A.dtype) if C is None else C.copy()
    multiply(out, A, B, of_A, of_B, C is not None)
    return out


def drawn(shape, dtype, seed):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@given(
    M=sizes,
    K=sizes | st.sampled_from([gemm.DEPTH - 1, gemm.DEPTH + 1, 2 * gemm.DEPTH]),
    N=sizes,
    layouts=st.tuples(st.booleans(), st.booleans()),
    add=st.booleans(),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 100),
)
@example(gemm.HEIGHT + 3, gemm.DEPTH + 5, 83, (True, True), True, "float32", 0)
@example(2 * gemm.HEIGHT, 3, 1, (False, False), False, "float64", 0)
@example(gemm.STRIPS_HEIGHT + 77, gemm.DEPTH + 5, 401, (True, False), False, "float32", 0)
@example(70, gemm.DEPTH + 5, 201, (True, True), True, "float64", 0)
def test_products_are_numpys(M, K, N, layouts, add, dtype, seed) -> None:
    of_A, of_B = layouts
    A = drawn((K, M) if of_A else (M, K), dtype, seed)
    B = drawn((N, K) if of_B else (K, N), dtype, seed + 1)
    C = drawn((M, N), dtype, seed + 2) if add else None
    left = (A.T if of_A else A).astype(np.float64)
    right = (B.T if of_B else B).astype(np.float64)
    expected = left @ right + (0.0 if C is None else C)
    size = np.abs(left) @ np.abs(right) + (0.0 if C is None else np.abs(C))
    got = product(A, B, of_A, of_B, C)
    assert got.dtype == A.dtype
    assert np.all(np.abs(got - expected) <= (K + 2) * np.finfo(dtype).eps * size)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_reaches_its_row_and_column_only(value: float) -> None:
    A, B = drawn((9, 70), "float32", 0), drawn((70, 83), "float32", 1)
    right = product(A, B)
    A[5, 3] = value
    got = product(A, B)
    assert not np.isfinite(got[5]).any()
    assert np.array_equal(np.delete(got, 5, axis=0), np.delete(right, 5, axis=0))
