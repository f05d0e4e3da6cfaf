"""Greedy sampling during training, as in reference/sampling.py.

Samples are rare and short, so plain tensor operations are fast enough.
"""

import torch
from jaxtyping import Float

from reference import Vocabulary

from .layout import Storage


def generate(
    parameters: Storage,
    vocabulary: Vocabulary,
    state: Float[torch.Tensor, "H 1"],
    first: int,
    length: int = 100,
) -> str:
    """Return a text of length + 1 symbols that starts with the symbol of index `first`.

    Where several symbols are equally probable, the sum of their columns is fed back and the first
    one is written.
    """
    written = [first]
    from_input = parameters.Whx[:, first : first + 1]
    for _ in range(length):
        state = torch.tanh(parameters.Wha @ state + from_input + parameters.bh)
        p = torch.softmax(parameters.Wya @ state + parameters.by, dim=0)
        likeliest = (p == p.max()).to(p.dtype)
        written.append(int(torch.argmax(likeliest)))
        from_input = parameters.Whx @ likeliest
    return "".join(vocabulary.symbols[index] for index in written)
