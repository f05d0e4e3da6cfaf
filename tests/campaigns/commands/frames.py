"""What comes before and after the Python blocks of the pages that are fragments.

A block that isn't named here, by its first line, runs as the page has it.
"""

from dataclasses import dataclass

from .shown import Program


@dataclass(frozen=True)
class Frame:
    before: str = ""
    after: str = ""


WINDOW = """
import numpy as np
from reference import Vocabulary, initialize_parameters

text = open("novel.txt").read()
symbols = Vocabulary.from_text(text)
parameters = initialize_parameters(vocab_size=len(symbols), hidden_size=4)
inputs, targets = symbols.encode(text[:5]), symbols.encode(text[1:6])
initial_state = np.zeros((4, 1))
"""
FUNCTION = """
import torch
from bptt.verify import BackwardProblem, assert_backward_right, verify_backward
from mine import LayerNorm as MyFunction

def inputs(rng, N, D):
    return torch.tensor(rng.standard_normal((N, D))), torch.tensor(rng.standard_normal(D))

"""
JAX = """
import jax
import jax.numpy as jnp
from bptt.verify import assert_backward_right

def forward(x, w):
    return jnp.tanh(x @ w), (x, w)

def backward(saved, dy):
    x, w = saved
    dz = dy / jnp.cosh(x @ w) ** 2
    return dz @ w.T, x.T @ dz

def inputs(rng, N, D):
    return rng.standard_normal((N, D)), rng.standard_normal((D, 2))

"""
WITHOUT_TIME = """
import numpy as np

def backward(parameters, trace, da_next):
    Whx, Wha, Wya, bh, by = parameters
    zeros = [np.zeros_like(value) for value in parameters]
    return *zeros, da_next

"""
FRAMES = {
    "import torch": Frame(after="\ntest_layer_norm()\n"),
    "from reference import Hyperparameters, backward, forward, train": Frame(WINDOW),
    "from reference import Hyperparameters, Vocabulary, backward, forward, train": Frame(WINDOW),
    "import bptt": Frame('text = open("other.txt").read()\n'),
    "from torch_impl import ElmanPasses, ElmanRNN": Frame(
        "import torch\nx, grad_output = torch.randn(5, 3, 64), torch.randn(5, 3, 64)\n"
    ),
    "assert_backward_right(MyFunction.apply, inputs)  # in a test-suite: one line": Frame(FUNCTION),
    "@jax.custom_vjp": Frame(JAX),
    "from bptt.verify.lesson import grade_backward": Frame(WITHOUT_TIME),
}
# Lines of another file: no programs.
PIECES = {
    "dz = p.copy()": "lines of reference/rnn.py, with which a test compares them",
    "dz = p.clone()": "lines of torch_impl/rnn.py, with which a test compares them",
}


def framed(program: Program) -> str:
    """Return a block as a program."""
    frame = FRAMES.get(program.first_line, Frame())
    return frame.before + program.code + frame.after
