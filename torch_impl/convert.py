"""The same weights elsewhere: in the reference, and in PyTorch's own modules."""

import numpy as np
import torch
from torch import Tensor, nn

import reference

from .rnn import Parameters


def from_reference(
    parameters: reference.Parameters,
    *,
    dtype: torch.dtype = torch.float64,
    device: torch.device | str = "cpu",
) -> Parameters:
    """Copy the reference's weights, exactly in float64, else rounded to the dtype."""
    return Parameters(*(torch.tensor(value, dtype=dtype, device=device) for value in parameters))


def to_reference(parameters: Parameters) -> reference.Parameters:
    """Copy into float64, which holds every float32 and float64 exactly."""
    return reference.Parameters(*(to_array(value) for value in parameters))


def to_array(value: Tensor) -> np.ndarray:
    """Copy into a float64 array."""
    return value.detach().to("cpu", torch.float64).numpy().copy()


def to_modules(parameters: Parameters) -> tuple[nn.RNN, nn.Linear]:
    """Make the pair that computes the same logits: `linear(rnn(one_hot, state)[0])`.

    nn.RNN has two hidden biases, of which only the sum matters: bh is the first, the second is
    zero.
    """
    Whx, Wha, Wya, bh, by = parameters
    H, V = Whx.shape
    rnn = nn.RNN(V, H, dtype=Whx.dtype, device=Whx.device)
    linear = nn.Linear(H, V, dtype=Whx.dtype, device=Whx.device)
    rnn.load_state_dict(
        {
            "weight_ih_l0": Whx,
            "weight_hh_l0": Wha,
            "bias_ih_l0": bh[:, 0],
            "bias_hh_l0": torch.zeros_like(bh[:, 0]),
        }
    )
    linear.load_state_dict({"weight": Wya, "bias": by[:, 0]})
    return rnn, linear


def from_modules(rnn: nn.RNN, linear: nn.Linear) -> Parameters:
    """Copy the weights of a pair that reads one-hot symbols and writes logits.

    Raises ValueError unless nn.RNN has one layer, one direction and tanh.
    """
    if rnn.num_layers != 1 or rnn.bidirectional or rnn.nonlinearity != "tanh":
        raise ValueError(
            f"nn.RNN must have one layer, one direction and tanh, got {rnn.num_layers} layers, "
            f"bidirectional={rnn.bidirectional} and {rnn.nonlinearity}"
        )
    inner, outer = rnn.state_dict(), linear.state_dict()
    Whx, Wha, Wya = inner["weight_ih_l0"], inner["weight_hh_l0"], outer["weight"]
    bh = inner["bias_ih_l0"] + inner["bias_hh_l0"] if rnn.bias else Whx.new_zeros(len(Whx))
    by = outer.get("bias", Wya.new_zeros(len(Wya)))
    weights = (Whx, Wha, Wya, bh[:, None], by[:, None])
    return Parameters(*(weight.clone() for weight in weights))
