"""The loss: softmax and cross-entropy.

V symbols.
"""

import numpy as np
from jaxtyping import Float


def softmax(logits: Float[np.ndarray, "V 1"]) -> Float[np.ndarray, "V 1"]:
    """Exponentials over their sum, taken from the first to the last, without a shift.

    Raises FloatingPointError where they overflow, vanish altogether or are not numbers.
    """
    with np.errstate(over="ignore"):
        exponentials = np.exp(logits)
    total = np.add.accumulate(exponentials)[-1]  # np.sum adds pairwise: another rounding
    if not 0.0 < total < np.inf:
        raise FloatingPointError(
            f"softmax needs logits whose exponentials sum to a positive finite number, "
            f"got logits from {logits.min():.6g} to {logits.max():.6g}"
        )
    return exponentials / total


def softmax_cross_entropy(
    logits: Float[np.ndarray, "V 1"], target: int
) -> tuple[Float[np.ndarray, "V 1"], np.float64]:
    """Return the probabilities p = softmax(logits) and the loss -log p[target] in nats.

    Raises FloatingPointError as `softmax`.
    """
    p = softmax(logits)
    with np.errstate(divide="ignore"):  # a probability of 0 is a loss of inf, and says so
        return p, -np.log(p[target, 0])
