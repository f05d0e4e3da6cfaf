"""Compiles the kernels into their cache, in two processes side by side.

    python -m tests.warm_up

Otherwise every process of a test run would compile the same ones.
"""

import argparse
import multiprocessing

import numpy as np
import torch

from reference import Hyperparameters, Vocabulary, initialize_parameters
from torch_impl import fast
from torch_impl.elman.compiled import CompiledLayer
from torch_impl.elman.computation import LayerGradients, LayerInputs, LayerOptions
from torch_impl.fast.network import Network


def train(dtype: torch.dtype) -> None:
    """Take an iteration, and differentiate a window, of the engine."""
    vocabulary = Vocabulary("ab")
    text = vocabulary.encode("abba")
    training = fast.Training(
        text, Hyperparameters(hidden_size=3, seq_length=2), vocabulary=vocabulary, dtype=dtype
    )
    training.step()
    parameters = initialize_parameters(vocab_size=2, hidden_size=3, seed=1)
    network = Network(parameters, vocab_size=2, hidden_size=3, seq_length=2, lanes=1, dtype=dtype)
    network.differentiate(text[:2, None], text[1:3, None], np.zeros((3, 1)), 5.0)


def pass_through_layers(dtype: torch.dtype) -> None:
    """Go forward and backward through a layer of one lane, in one thread and in two."""
    T, H = 2, 5

    def zeros(*shape: int) -> torch.Tensor:
        return torch.zeros(shape, dtype=dtype)

    sequence = zeros(T, 1, H)
    layer_inputs = LayerInputs(sequence, zeros(1, H), zeros(H, H), zeros(H, H))
    gradients = LayerGradients(zeros(T, 1, H), zeros(1, H), zeros(H, H), zeros(H, H), zeros(H))
    for threads in (1, 2):
        way = CompiledLayer(threads)
        options = LayerOptions()
        way.forward(sequence.clone(), zeros(1, 1, H), layer_inputs, options)
        passes = gradients, sequence.clone(), sequence, None, sequence
        way.backward(*passes, layer_inputs, options)


PARTS = [(part, dtype) for dtype in (torch.float64, torch.float32)
         for part in (train, pass_through_layers)]  # fmt: skip


def compile_part(number: int) -> None:
    part, dtype = PARTS[number]
    part(dtype)


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        pool.map(compile_part, range(len(PARTS)), chunksize=1)
