"""What a window and the parameters must be, said where they aren't.

V symbols, H hidden units, T characters in a window.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def check_window(
    inputs: Int[Tensor, " T"],
    targets: Int[Tensor, " S"],
    initial_state: Float[Tensor, "..."],
    Whx: Float[Tensor, "H V"],
) -> None:
    """Raise ValueError unless the window fits a network with these weights.

    Raises TypeError for lists and other things that are no tensors.
    """
    check_tensors(inputs=inputs, targets=targets, initial_state=initial_state)
    H, V = Whx.shape
    if len(inputs) != len(targets) or len(inputs) == 0:
        raise ValueError(
            f"inputs and targets must be of one length of at least 1, "
            f"got {len(inputs)} and {len(targets)}"
        )
    if initial_state.shape != (H, 1):
        raise ValueError(
            f"initial_state must be of shape {(H, 1)}, got {tuple(initial_state.shape)}"
        )
    check_kind("initial_state", initial_state, Whx)
    for name, indices in (("inputs", inputs), ("targets", targets)):
        if indices.is_floating_point() or indices.is_complex() or indices.dtype == torch.bool:
            raise ValueError(f"{name} must be integers, got {indices.dtype}")
        outside = (indices < 0) | (indices >= V)
        if outside.any():
            position = int(torch.argmax(outside.int()))
            raise ValueError(
                f"{name} must lie in 0..{V - 1} (vocabulary of {V}), "
                f"got {int(indices[position])} at position {position}"
            )


def check_tensors(**values: object) -> None:
    """Raise TypeError unless each is a tensor."""
    for name, value in values.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{name} must be a tensor, got a {type(value).__name__}")


def check_kind(name: str, value: Tensor, like: Tensor) -> None:
    """Raise ValueError unless the tensor is of a floating dtype and of the other's dtype and
    device."""
    if not value.is_floating_point():
        raise ValueError(f"{name} must be of a floating dtype, got {value.dtype}")
    if value.dtype != like.dtype or value.device != like.device:
        raise ValueError(
            f"{name} must be {like.dtype} on {like.device}, as Whx is, "
            f"got {value.dtype} on {value.device}"
        )


def check_finite(**values: Tensor) -> None:
    """Raise FloatingPointError, with the place, for a weight that is NaN or infinite."""
    for name, value in values.items():
        finite = torch.isfinite(value)
        if not finite.all():
            place = tuple(torch.nonzero(~finite)[0].tolist())
            raise FloatingPointError(f"{name} must be finite, got {value[place].item()} at {place}")
