"""What a window and the parameters must be, said where they aren't.

V symbols, H hidden units, T characters in a window.
"""

import numpy as np
from jaxtyping import Float, Int


def check_window(
    inputs: Int[np.ndarray, " T"],
    targets: Int[np.ndarray, " S"],
    initial_state: Float[np.ndarray, "..."],
    H: int,
    V: int,
) -> None:
    """Raise ValueError unless the window fits a network of H hidden units and V symbols.

    Raises TypeError for lists and other things that are no arrays.
    """
    check_arrays(inputs=inputs, targets=targets, initial_state=initial_state)
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


def check_arrays(**values: object) -> None:
    """Raise TypeError unless each is a NumPy array."""
    for name, value in values.items():
        if not isinstance(value, np.ndarray):
            raise TypeError(f"{name} must be a NumPy array, got a {type(value).__name__}")
