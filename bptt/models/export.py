"""A run's network as a file for PyTorch: the state_dict of an nn.RNN and an nn.Linear.

V symbols, H hidden units.
"""

import io
import json
from pathlib import Path
from typing import Any

from .. import files
from ..errors import explained
from ..runs.checkpoint import Model
from ..runs.config import Config
from ..runs.folder import RunFolder

FORMATS = (".pt", ".safetensors")
KEY = "bptt"  # of the metadata in a safetensors file: one, since several come in random order


def export(folder: RunFolder, path: Path, *, last: bool = False) -> Model:
    """Write a run's weights, best or last, and return them; a file that is there is replaced.

    Raises InputError if the run can't be read or the file can't be written.
    """
    config, model = folder.read_config(), folder.load_model(last=last)
    content = to_bytes(config, model, path.suffix.lower())
    with explained("write", path):
        files.write(path, content)
    return model


def to_bytes(config: Config, model: Model, suffix: str) -> bytes:
    """Return the bytes of a file; the same model gives the same bytes.

    A .pt file holds a dictionary that torch.load reads with weights_only=True: "state_dict" has
    the tensors in the run's dtype, by the names of a module with an `rnn` and a `linear`;
    "initial_state" (H,) is the first hidden state; all else is as in `description`. A safetensors
    file has the same tensors side by side, and the description as JSON under "bptt" in its
    metadata.
    """
    import torch  # only here: it takes long to import

    tensors, initial_state = _tensors(model)
    if suffix == ".safetensors":
        import safetensors.torch

        metadata = {KEY: json.dumps(description(config, model))}
        named = {**tensors, "initial_state": initial_state}
        return safetensors.torch.save(named, metadata)
    written = io.BytesIO()
    torch.save(
        {"state_dict": tensors, "initial_state": initial_state, **description(config, model)},
        written,
    )
    return written.getvalue()


def description(config: Config, model: Model) -> dict[str, Any]:
    """Return what a network's user needs beside the tensors, in JSON's types.

    `vocabulary` has the symbols in the order of their indices; with units "bytes", byte b is
    chr(b). `sha256` is the run's own digest of the weights, in results.json and on its card.
    """
    return {
        "vocabulary": list(config.vocabulary),
        "units": config.corpus.units,
        "hidden_size": config.hidden_size,
        "iteration": model.iteration,
        "sha256": model.digest,
    }


def _tensors(model: Model) -> tuple[dict[str, Any], Any]:
    import torch

    from torch_impl.convert import from_reference, to_modules

    weights, initial_state = model.in_float64()  # exact, and so is the way back
    dtype = torch.from_numpy(model.parameters[0]).dtype
    rnn, linear = to_modules(from_reference(weights, dtype=dtype))
    tensors = {
        f"{module}.{name}": value
        for module, its in (("rnn", rnn), ("linear", linear))
        for name, value in its.state_dict().items()
    }
    return tensors, torch.from_numpy(initial_state[:, 0]).to(dtype)
