"""The loss: softmax and cross-entropy.

V symbols.
"""

import torch
from jaxtyping import Float
from torch import Tensor


@torch.no_grad()
def softmax(logits: Float[Tensor, "V 1"]) -> Float[Tensor, "V 1"]:
    """Exponentials over their sum; torch subtracts the largest logit first."""
    return torch.softmax(logits, dim=0)


@torch.no_grad()
def softmax_cross_entropy(
    logits: Float[Tensor, "V 1"], target: int
) -> tuple[Float[Tensor, "V 1"], Float[Tensor, ""]]:
    """Return the probabilities p = softmax(logits) and the loss -log p[target] in nats.

    Raises FloatingPointError where the loss is not a number.
    """
    p = softmax(logits)
    loss = -torch.log_softmax(logits, dim=0)[target, 0]
    if torch.isnan(loss):
        raise FloatingPointError("the logits must be finite numbers; they overflowed")
    return p, loss
