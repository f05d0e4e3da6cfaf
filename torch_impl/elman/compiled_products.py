"""The compiled matrix products, a thread a share of the result's rows.

Importing this needs numba.
"""

from torch import Tensor

from torch_impl.fast.gemm import multiply_rows_of
from torch_impl.fast.products import ROWS

from .shapes import expect
from .threads import share


class CompiledProducts:
    """Products for the CPU, float32 and float64."""

    def __init__(self, threads: int) -> None:
        self.threads = threads

    def __repr__(self) -> str:
        return f"CompiledProducts(threads={self.threads})"

    def from_input(self, out: Tensor, rows: Tensor, weight: Tensor, bias: Tensor | None) -> None:
        if bias is not None:
            out.copy_(bias.expand_as(out))
        self._multiply(out, rows, weight, transposed=(False, True), add=bias is not None)

    def by_input(self, out: Tensor, signals: Tensor, weight: Tensor) -> None:
        self._multiply(out, signals, weight, transposed=(False, False))

    def by_weight(self, out: Tensor, signals: Tensor, rows: Tensor) -> None:
        self._multiply(out, signals, rows, transposed=(True, False))

    def _multiply(
        self,
        out: Tensor,
        left: Tensor,
        right: Tensor,
        transposed: tuple[bool, bool],
        add: bool = False,
    ) -> None:
        terms = left.shape[0 if transposed[0] else 1]
        expect(
            "a product's right factor",
            right,
            *((out.shape[1], terms) if transposed[1] else (terms, out.shape[1])),
        )
        expect("a product", out, left.shape[1 if transposed[0] else 0], out.shape[1])
        arrays = out.numpy(), left.detach().numpy(), right.detach().numpy()
        share(
            lambda first, rows: multiply_rows_of(*arrays, *transposed, first, rows, add),
            len(out),
            self.threads,
            unit=ROWS,
        )
