"""Initial weights: the notebook's small normals, or what later work recommends.

H hidden units. Biases are always zero.
"""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from jaxtyping import Float

from reference import Parameters, initialize_parameters

LN_2 = 0.6931471805599453


def initialize(kind: str, *, vocab_size: int, hidden_size: int, seed: int) -> Parameters:
    """Draw initial weights in float64.

    "notebook": standard normals × 0.01. The other kinds draw Whx and Wya from Glorot and Bengio's
    uniform distribution (2010), and differ in Wha: "glorot" draws it likewise, "orthogonal" is a
    random rotation or reflection (Saxe, McClelland and Ganguli, 2014), "identity" is the identity
    matrix (Le, Jaitly and Hinton, 2015).

    >>> initialize("orthogonal", vocab_size=80, hidden_size=100, seed=1).Wha.shape
    (100, 100)
    """
    notebooks = initialize_parameters(vocab_size=vocab_size, hidden_size=hidden_size, seed=seed)
    if kind == "notebook":
        return notebooks
    random = np.random.RandomState(seed)
    H = hidden_size
    Whx, Wya = (_glorot(random, *shape) for shape in ((H, vocab_size), (vocab_size, H)))
    recurrent: dict[str, Callable[[], np.ndarray]] = {
        "glorot": lambda: _glorot(random, H, H),
        "orthogonal": lambda: _orthogonal(random, H),
        "identity": lambda: np.eye(H),
    }
    return replace(notebooks, Whx=Whx, Wha=recurrent[kind](), Wya=Wya)


def _glorot(
    random: np.random.RandomState, rows: int, columns: int
) -> Float[np.ndarray, "rows columns"]:
    bound = np.sqrt(6.0 / (rows + columns))
    return random.uniform(-bound, bound, (rows, columns))


def _orthogonal(random: np.random.RandomState, H: int) -> Float[np.ndarray, "H H"]:
    """Return Q of normals = Q R with a positive diagonal, or Q would favour some directions.

    By Householder's reflections and sums in one order, since LAPACK's depends on the machine.
    """
    A, Q = _normals(random, H * H).reshape(H, H), np.eye(H)
    reflected = []
    for k in range(H):
        v = A[k:, k].copy()
        length = math.sqrt(_sum(v * v))
        signs = 1.0 if v[0] < 0 else -1.0  # of R's diagonal
        v[0] -= signs * length
        reflected.append((v, 2.0 / _sum(v * v), signs))
        _reflect(A[k:, k:], v, reflected[-1][1])
    for k in range(H - 1, -1, -1):
        v, scale, signs = reflected[k]
        _reflect(Q[k:, k:], v, scale)
    return Q * np.array([signs for _, _, signs in reflected])


def _reflect(A: np.ndarray, v: np.ndarray, scale: float) -> None:
    """Subtract scale v vᵀ A from A, in place."""
    A -= v[:, np.newaxis] * (scale * _sum(v[:, np.newaxis] * A))


def _sum(rows: np.ndarray) -> Any:
    """Return the sum over the first axis, added from the first row to the last."""
    return np.add.accumulate(rows, axis=0)[-1]


def _normals(random: np.random.RandomState, count: int) -> Float[np.ndarray, " count"]:
    """Draw what random.standard_normal(count) does, to rounding: with a logarithm of our own.

    Marsaglia's polar method, as in NumPy: each pair of uniforms within the unit circle gives two.
    """
    found = np.empty(0)
    while len(found) < count:
        u, v = 2.0 * random.random_sample((count, 2)).T - 1.0
        squares = u * u + v * v
        inside = (squares < 1.0) & (squares != 0.0)
        u, v, squares = u[inside], v[inside], squares[inside]
        factor = np.sqrt(-2.0 * _logarithm(squares) / squares)
        found = np.append(found, np.stack([factor * v, factor * u], axis=1).ravel())
    return found[:count]


def _logarithm(x: np.ndarray) -> np.ndarray:
    """Return the natural logarithm of normal numbers in (0, 1), by the series of 2 atanh s."""
    m, k = np.frexp(x)  # x = m 2^k, 1/2 <= m < 1
    low = m < math.sqrt(0.5)
    f, k = np.where(low, 2.0 * m, m) - 1.0, k - low
    s = f / (f + 2.0)
    z, series = s * s, 0.0
    for n in range(23, 0, -2):
        series = series * z + 2.0 / n
    return k * LN_2 + s * series
