"""Where a run stands, in one safetensors file: weights, Adagrad's sums, state, place and loss."""

import hashlib
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from pydantic import Field, ValidationError

from reference import Parameters

from . import durable
from .config import Config, Strict, explain
from .engines import PARAMETER_NAMES, Training, put_arrays, to_arrays
from .errors import InputError, explained

METADATA_KEY = "bptt"  # one key only: safetensors writes several in an order of chance


class Standing(Strict):
    """The scalars of a checkpoint. `smooth_loss` is in nats a window.

    `sha256` covers the tensors and every other scalar: one wrong bit is noticed.
    """

    iteration: int = Field(ge=0)
    position: int = Field(ge=0)
    smooth_loss: float
    corpus_sha256: str
    sha256: str = ""


def save(path: Path, training: Training, corpus_sha256: str) -> None:
    """Replace the checkpoint in one step. The same training gives the same bytes.

    Raises InputError when it can't be written; the old one is then still there.
    """
    with explained("write", path):
        durable.write(path, to_bytes(training, corpus_sha256))


def to_bytes(training: Training, corpus_sha256: str) -> bytes:
    tensors = to_arrays(training)
    standing = Standing(
        iteration=training.iteration,
        position=training.position,
        smooth_loss=training.smooth_loss,
        corpus_sha256=corpus_sha256,
    )
    standing = standing.model_copy(update={"sha256": _digest(standing, tensors)})
    return safetensors.numpy.save(tensors, {METADATA_KEY: standing.model_dump_json()})


def load(path: Path, config: Config) -> tuple[Standing, dict[str, np.ndarray]]:
    """Read a checkpoint and check it against the run it should belong to.

    Raises InputError for one that is missing, damaged, of another shape or of another corpus.
    """
    try:
        with explained("read", path), safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
        standing = Standing.model_validate_json(metadata[METADATA_KEY])
    except (safetensors.SafetensorError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged or no checkpoint of this program: {error}") from error
    except ValidationError as error:
        raise InputError(f"{path} has a damaged header: {explain(error)}") from error
    _check_shapes(path, tensors, config)
    digest = _digest(standing, tensors)
    if standing.sha256 != digest:
        raise InputError(
            f"{path} is damaged: its contents should have SHA-256 {standing.sha256}, "
            f"but have {digest}"
        )
    if standing.corpus_sha256 != config.corpus.sha256:
        raise InputError(
            f"{path} belongs to another corpus: expected SHA-256 {config.corpus.sha256}, "
            f"got {standing.corpus_sha256}"
        )
    return standing, tensors


def load_parameters(path: Path, config: Config) -> Parameters:
    """Read the weights alone, in float64. Raises as load."""
    _, tensors = load(path, config)
    return Parameters(*(tensors[name].astype(np.float64) for name in PARAMETER_NAMES))


def restore(path: Path, config: Config, training: Training) -> None:
    """Put a fresh training where the checkpoint stood. Raises as load."""
    standing, tensors = load(path, config)
    put_arrays(training, tensors)
    training.position = standing.position
    training.iteration = standing.iteration
    training.smooth_loss = standing.smooth_loss


def _digest(standing: Standing, tensors: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(standing.model_dump_json(exclude={"sha256"}).encode())
    for name, value in tensors.items():
        digest.update(f"{name} {value.dtype} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def _check_shapes(path: Path, tensors: dict[str, np.ndarray], config: Config) -> None:
    H, V = config.hidden_size, len(config.vocabulary)
    shapes = dict(zip(PARAMETER_NAMES, ((H, V), (H, H), (V, H), (H, 1), (V, 1)), strict=True))
    shapes |= {f"sums.{name}": shape for name, shape in shapes.items()}
    shapes["hidden_state"] = (H, 1)
    if tensors.keys() != shapes.keys():
        raise InputError(
            f"{path} must hold {', '.join(sorted(shapes))}; it holds {', '.join(tensors)}"
        )
    for name, expected in shapes.items():
        value = tensors[name]
        if value.shape != expected or value.dtype != config.dtype:
            raise InputError(
                f"{path} doesn't fit the run: expected {name} of shape {expected} in "
                f"{config.dtype}, got {value.shape} in {value.dtype}"
            )
