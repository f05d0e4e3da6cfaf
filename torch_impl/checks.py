"""What a window and the parameters must be, said where they aren't.

V symbols, H hidden units, T characters in a window.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

NAMES = ("Whx", "Wha", "Wya", "bh", "by")


def check_parameters(*parameters: Tensor) -> None:
    """Raise ValueError unless the five are of shapes, a dtype and a device that belong together.

    Raises TypeError for what is no tensor.
    """
    named = dict(zip(NAMES, parameters, strict=True))
    check_arrays(**named)
    H, V = named["Whx"].shape
    for (name, value), expected in zip(
        named.items(), ((H, V), (H, H), (V, H), (H, 1), (V, 1)), strict=True
    ):
        if value.shape != expected:
            raise ValueError(
                f"{name} must be of shape {expected}, as Whx is {(H, V)}, got {tuple(value.shape)}"
            )
        check_kind(name, value, named["Whx"])


def check_window(
    inputs: Int[Tensor, " T"],
    targets: Int[Tensor, " S"],
    initial_state: Float[Tensor, "..."],
    *parameters: Tensor,
) -> None:
    """Raise ValueError unless the window fits these five parameters.

    Raises TypeError for lists and other things that are no tensors, FloatingPointError for weights
    that are no finite numbers.
    """
    check_finite(**dict(zip(NAMES, parameters, strict=True)))
    check_arrays(inputs=inputs, targets=targets, initial_state=initial_state)
    H, V = parameters[0].shape
    if len(inputs) != len(targets) or len(inputs) == 0:
        raise ValueError(
            f"inputs and targets must be of one length of at least 1, "
            f"got {len(inputs)} and {len(targets)}"
        )
    if initial_state.shape != (H, 1):
        raise ValueError(
            f"initial_state must be of shape {(H, 1)}, got {tuple(initial_state.shape)}"
        )
    check_kind("initial_state", initial_state, parameters[0])
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


def check_clip(clip: float | None) -> None:
    """Raise ValueError for a clip that is negative or not a number."""
    if clip is not None and not clip >= 0.0:
        raise ValueError(f"clip must be None or a number of at least 0, got {clip}")


def check_arrays(**values: object) -> None:
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
