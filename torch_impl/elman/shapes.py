"""What compiled code is given is checked here: it would read and write beyond its tensors."""

from torch import Tensor


def expect(name: str, tensor: Tensor, *shape: int) -> None:
    """Raise RuntimeError unless the tensor has the shape."""
    if tensor.shape != shape:
        raise RuntimeError(f"{name} must be of shape {shape}, got {tuple(tensor.shape)}")
