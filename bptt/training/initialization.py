"""Initial weights: the notebook's small normals, or what later work recommends.

H hidden units. Biases are always zero.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from reference import Parameters, initialize_parameters


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
    Q, R = np.linalg.qr(random.standard_normal((H, H)))
    return Q * np.where(np.diag(R) < 0, -1.0, 1.0)  # else Q would favour some directions
