"""Matrix products of balls, each a single step on the tape: fast, and small in memory.

R rows, K terms and C columns of one product.
"""

from typing import Any

import numpy as np
from flint import arb, arb_mat

from .ball import Ball, Tape, add_to, lift
from .dispatch import WHOLE, asarray, empty
from .trouble import NotInBallsError

ZERO = arb(0)


class Product:
    """A product of two matrices; `left` and `right` are the indices of their variables or -1."""

    __slots__ = ("factors", "left", "right", "start")

    def __init__(
        self, start: int, left: list[int], right: list[int], factors: tuple[arb_mat, arb_mat]
    ) -> None:
        self.start, self.left, self.right, self.factors = start, left, right, factors

    def pull(self, adjoints: list[arb | None]) -> None:
        a, b = self.factors
        R, C = a.nrows(), b.ncols()
        out = slice(self.start, self.start + R * C)
        if all(adjoint is None for adjoint in adjoints[out]):
            return
        given = arb_mat(R, C, [ZERO if one is None else one for one in adjoints[out]])
        adjoints[out] = [None] * (R * C)
        for indices, times in (
            (self.left, lambda: given * b.transpose()),
            (self.right, lambda: a.transpose() * given),
        ):
            if any(index >= 0 for index in indices):
                for index, term in zip(indices, times().entries(), strict=True):
                    if index >= 0:
                        add_to(adjoints, index, term)


def matmul(a: Any, b: Any) -> Any:
    """Return a @ b, stacks of matrices too."""
    a, b = asarray(a), asarray(b)
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError("matmul: expected arrays of at least one axis, got a number")
    left, right = a[None, :] if a.ndim == 1 else a, b[:, None] if b.ndim == 1 else b
    if left.shape[-1] != right.shape[-2]:
        raise ValueError(f"matmul: shapes {a.shape} and {b.shape} don't fit")
    stack = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    left = np.broadcast_to(left, (*stack, *left.shape[-2:]))
    right = np.broadcast_to(right, (*stack, *right.shape[-2:]))
    result = empty((*stack, left.shape[-2], right.shape[-1]), object)
    for place in np.ndindex(stack):
        result[place] = product(left[place], right[place])
    if b.ndim == 1:
        result = result[..., 0]
        return result[..., 0] if a.ndim == 1 else result
    return result[..., 0, :] if a.ndim == 1 else result


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Multiply two matrices of balls or numbers."""
    (R, K), C = a.shape, b.shape[1]
    left, right = list(map(lift, a.ravel().tolist())), list(map(lift, b.ravel().tolist()))
    factors = _matrix(R, K, left), _matrix(K, C, right)
    values = (factors[0] * factors[1]).entries()
    tapes = {id(ball.tape): ball.tape for ball in (*left, *right) if ball.tape is not None}
    if len(tapes) > 1:
        raise NotInBallsError("a number of an earlier call was kept and used again")
    made = empty(R * C, object)
    made[:] = _results(values, next(iter(tapes.values()), None), left, right, factors)
    return made.reshape(R, C)


def _results(
    values: list[arb],
    tape: Tape | None,
    left: list[Ball],
    right: list[Ball],
    factors: tuple[arb_mat, arb_mat],
) -> list[Ball]:
    if tape is None:
        return list(map(Ball, values))
    start = tape.count
    results = [tape.variable(value) for value in values]
    if tape.recording:
        indices = [ball.index for ball in left], [ball.index for ball in right]
        tape.records.append(Product(start, *indices, factors))
    return results


def _matrix(rows: int, columns: int, balls: list[Ball]) -> arb_mat:
    return arb_mat(rows, columns, [ball.value for ball in balls])


WHOLE["matmul"] = matmul
