"""The layer's matrix products for all time steps at once: the interface, and torch's products.

N rows (steps times batch), I inputs, H hidden units. All tensors are contiguous.
"""

from typing import Protocol, runtime_checkable

import torch
from torch import Tensor


@runtime_checkable
class Products(Protocol):
    """An implementation of the products; each writes its result to `out`."""

    def input_product(self, out: Tensor, rows: Tensor, weight: Tensor, bias: Tensor | None) -> None:
        """Write rows @ weight.T + bias, (N, H); `rows` is (N, I), `weight` (H, I)."""
        ...

    def input_gradient(self, out: Tensor, grad_preactivations: Tensor, weight: Tensor) -> None:
        """Write grad_preactivations @ weight, (N, I); `grad_preactivations` is (N, H)."""
        ...

    def weight_gradient(self, out: Tensor, grad_preactivations: Tensor, rows: Tensor) -> None:
        """Write grad_preactivations.T @ rows, (H, I)."""
        ...


class TorchProducts:
    """The products by torch.mm and torch.addmm, for any device and dtype."""

    def __repr__(self) -> str:
        return "TorchProducts()"

    def input_product(self, out: Tensor, rows: Tensor, weight: Tensor, bias: Tensor | None) -> None:
        if bias is None:
            torch.mm(rows, weight.t(), out=out)
        else:
            torch.addmm(bias, rows, weight.t(), out=out)

    def input_gradient(self, out: Tensor, grad_preactivations: Tensor, weight: Tensor) -> None:
        torch.mm(grad_preactivations, weight, out=out)

    def weight_gradient(self, out: Tensor, grad_preactivations: Tensor, rows: Tensor) -> None:
        torch.mm(grad_preactivations.t(), rows, out=out)
