"""What a window and the parameters must be, said where they aren't.

V symbols, H hidden units, T characters in a window.
"""

import numpy as np
from jaxtyping import Float, Int

NAMES = ("Whx", "Wha", "Wya", "bh", "by")


def check_parameters(*parameters: np.ndarray) -> None:
    """Raise ValueError unless the five are of shapes that belong together.

    Raises TypeError for what is no array.
    """
    named = dict(zip(NAMES, parameters, strict=True))
    check_arrays(**named)
    H, V = named["Whx"].shape
    for (name, value), expected in zip(
        named.items(), ((H, V), (H, H), (V, H), (H, 1), (V, 1)), strict=True
    ):
        if value.shape != expected:
            raise ValueError(
                f"{name} must be of shape {expected}, as Whx is {(H, V)}, got {value.shape}"
            )


def check_window(
    inputs: Int[np.ndarray, " T"],
    targets: Int[np.ndarray, " S"],
    initial_state: Float[np.ndarray, "..."],
    *parameters: np.ndarray,
) -> None:
    """Raise ValueError unless the window fits these five parameters.

    Raises TypeError for lists and other things that are no arrays.
    """
    check_arrays(inputs=inputs, targets=targets, initial_state=initial_state)
    H, V = parameters[0].shape
    if len(inputs) != len(targets) or len(inputs) == 0:
        raise ValueError(
            f"inputs and targets must be of one length of at least 1, "
            f"got {len(inputs)} and {len(targets)}"
        )
    if initial_state.shape != (H, 1):
        raise ValueError(f"initial_state must be of shape {(H, 1)}, got {initial_state.shape}")
    for name, indices in (("inputs", inputs), ("targets", targets)):
        if not np.issubdtype(indices.dtype, np.integer):
            raise ValueError(f"{name} must be integers, got {indices.dtype}")
        outside = (indices < 0) | (indices >= V)
        if outside.any():
            position = int(np.argmax(outside))
            raise ValueError(
                f"{name} must lie in 0..{V - 1} (vocabulary of {V}), "
                f"got {indices[position]} at position {position}"
            )


def check_clip(clip: float | None) -> None:
    """Raise ValueError for a clip that is negative or not a number."""
    if clip is not None and not clip >= 0.0:
        raise ValueError(f"clip must be None or a number of at least 0, got {clip}")


def check_arrays(**values: object) -> None:
    """Raise TypeError unless each is a NumPy array."""
    for name, value in values.items():
        if not isinstance(value, np.ndarray):
            raise TypeError(f"{name} must be a NumPy array, got a {type(value).__name__}")
