"""Digests of what compiled code computes: the same bits on every machine, for any threads.

`python -m tests.digests` prints them; `--write` makes them the expected ones, in digests.json.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.utils.rnn import pack_sequence

from bptt.engines.names import PARAMETER_NAMES
from bptt.settings import Settings
from bptt.training.compiled import CompiledTraining
from bptt.training.evaluation import evaluate
from bptt.training.initialization import initialize
from bptt.training.state import to_arrays
from reference import Vocabulary
from torch_impl import ElmanRNN
from torch_impl.elman import compiled
from torch_impl.fast import training

EXPECTED = Path(__file__).with_name("digests.json")
V, DTYPES = 29, ("float64", "float32")
RULES: dict[str, dict[str, Any]] = {
    "adagrad": {"clip": 5.0},
    "adagrad clipped": {"clip": 0.05},
    "adam": {"optimizer": "adam", "clip_kind": "norm", "clip": 0.5, "schedule": "cosine"},
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1, "learn_initial_state": True},
    "rmsprop": {"optimizer": "rmsprop", "clip_kind": "value", "clip": 0.1},
    "dropout, average": {"optimizer": "adamw", "clip_kind": "norm", "clip": 0.5, "seed": 3,
                         "output_dropout": 0.3, "recurrent_dropout": 0.2, "average_decay": 0.9},
    "sgd": {"optimizer": "sgd", "momentum": 0.9, "clip": None},
}  # fmt: skip
SIZES = ((1, 50, 25), (5, 37, 70), (16, 50, 9))  # lanes, hidden units, characters in a window
LAYERS = ((1, 64, 64, 9), (3, 37, 5, 20), (16, 150, 40, 11), (33, 80, 600, 5), (2, 530, 7, 3))


def digest(arrays: Iterable[np.ndarray]) -> str:
    """Return the start of the SHA-256 of arrays, where a zero has no sign."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array + 0.0).tobytes())
    return found.hexdigest()[:16]


def trained(rule: str, dtype: str, lanes: int, H: int, T: int) -> str:
    """Return the digest of 25 iterations: weights, optimizer, states, losses, an evaluation."""
    text = np.random.default_rng(1).integers(V, size=20 * lanes * T).astype(np.uint8)
    settings = Settings.model_validate(
        {"engine": "fast", "dtype": dtype, "lanes": lanes, "hidden_size": H, "seq_length": T}
        | {"initialization": "orthogonal", "iterations": 25, "sample_every": 1000} | RULES[rule]
    )  # fmt: skip
    weights = initialize("orthogonal", vocab_size=V, hidden_size=H, seed=1)
    vocabulary = Vocabulary([chr(65 + symbol) for symbol in range(V)])
    run = CompiledTraining(text, settings, vocabulary=vocabulary, parameters=weights)
    losses = [step.loss for step in run.advance(1) + run.advance(24)]
    published = [run.published[name] for name in PARAMETER_NAMES]
    bits = evaluate(published, text[:700], engine="fast").bits_per_character
    return digest([*to_arrays(run).values(), np.array([*losses, bits])])


def layer(dtype: str, B: int, H: int, I: int, T: int) -> str:  # noqa: E741 - inputs
    """Return the digest of a layer's outputs and gradients."""
    rng = np.random.default_rng(1)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.uniform(-1, 1, shape)).to(getattr(torch, dtype))

    made = ElmanRNN(I, H, dtype=getattr(torch, dtype))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(drawn(*parameter.shape) / H**0.5)
    x = drawn(T, B, I).requires_grad_()
    output, last = made(x)
    output.backward(drawn(T, B, H))
    gradients = [value.grad for value in (x, *made.parameters())]
    tensors = [output, last, *(gradient for gradient in gradients if gradient is not None)]
    return digest(tensor.detach().numpy() for tensor in tensors)


def stack(dtype: str, packed: bool, **options: Any) -> str:
    """Return the digest of two layers' outputs and gradients."""
    rng = np.random.default_rng(1)

    def drawn(*shape: int) -> torch.Tensor:
        return torch.from_numpy(rng.uniform(-1, 1, shape)).to(getattr(torch, dtype))

    made = ElmanRNN(21, 37, num_layers=2, dtype=getattr(torch, dtype), **options)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(drawn(*parameter.shape) / 6)
    sequences = [
        drawn(length, 21).requires_grad_() for length in ((9, 2, 7, 7, 1) if packed else (8,) * 5)
    ]
    output, last = made(pack_sequence(sequences, enforce_sorted=False))
    above = drawn(*output.data.shape), drawn(*last.shape)
    torch.autograd.backward((output.data, last), above)
    gradients = [value.grad for value in (*sequences, *made.parameters())]
    tensors = [output.data, last, *(gradient for gradient in gradients if gradient is not None)]
    return digest(tensor.detach().numpy() for tensor in tensors)


STACKS = {
    "tanh, packed": {"packed": True},
    "relu, both directions": {"packed": False, "nonlinearity": "relu", "bidirectional": True},
    "both directions, packed": {"packed": True, "bidirectional": True},
}


def all_digests() -> Iterator[tuple[str, str]]:
    for dtype in DTYPES:
        for rule in RULES:
            for lanes, H, T in SIZES:
                name = f"{rule}, {dtype}, {lanes} lanes, H={H}, T={T}"
                yield name, trained(rule, dtype, lanes, H, T)
        for sizes in LAYERS:
            name = "layer, {}, B={}, H={}, I={}, T={}".format(dtype, *sizes)
            yield name, layer(dtype, *sizes)
        for name, options in STACKS.items():
            yield f"two layers, {dtype}, {name}", stack(dtype, **options)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    if given.threads > 1:  # sizes as small as these would not take them
        training.WINDOW = training.STEP = compiled.PHASE = compiled.STEP = 1
    found = json.dumps(dict(all_digests()), indent=1) + "\n"
    if given.write:
        EXPECTED.write_text(found)
    sys.stdout.write(found)
