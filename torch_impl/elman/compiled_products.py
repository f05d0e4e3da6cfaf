"""The compiled matrix products. Importing this needs numba."""

from torch import Tensor

from torch_impl.fast.gemm import multiply_matrices

from .shapes import expect


class CompiledProducts:
    """Products for the CPU, float32 and float64, in one thread."""

    def __repr__(self) -> str:
        return "CompiledProducts()"

    def from_input(self, out: Tensor, rows: Tensor, weight: Tensor, bias: Tensor | None) -> None:
        if bias is not None:
            out.copy_(bias.expand_as(out))
        _multiply(out, rows, weight, transposed=(False, True), add=bias is not None)

    def by_input(self, out: Tensor, signals: Tensor, weight: Tensor) -> None:
        _multiply(out, signals, weight, transposed=(False, False))

    def by_weight(self, out: Tensor, signals: Tensor, rows: Tensor) -> None:
        _multiply(out, signals, rows, transposed=(True, False))


def _multiply(
    out: Tensor, left: Tensor, right: Tensor, transposed: tuple[bool, bool], add: bool = False
) -> None:
    rows, terms = reversed(left.shape) if transposed[0] else left.shape
    columns = right.shape[0 if transposed[1] else 1]
    expect("a product", out, rows, columns)
    factor = (columns, terms) if transposed[1] else (terms, columns)
    expect("a product's right factor", right, *factor)
    arrays = out.numpy(), left.detach().numpy(), right.detach().numpy()
    multiply_matrices(*arrays, *transposed, add)
