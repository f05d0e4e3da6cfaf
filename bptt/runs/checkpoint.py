"""Checkpoints: a training's arrays and scalars in one safetensors file."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy
from pydantic import Field, ValidationError

from reference import Parameters

from .. import files
from ..engines.names import PARAMETER_NAMES
from ..errors import InputError, explained
from ..strict import Strict, explain, shown
from ..training.base import Training
from ..training.state import INITIAL_STATE, expected, published, put_arrays, to_arrays
from ..training.validation import ValidationHistory
from . import digests
from .config import Config

METADATA_KEY = "bptt"  # one key only: safetensors writes several in random order


class CheckpointHeader(Strict):
    """The scalars of a checkpoint; `smooth_loss` is in nats a window.

    `sha256` covers the tensors and all other scalars, so that a single wrong bit is detected.
    """

    iteration: int = Field(ge=0)
    position: int = Field(ge=0)
    smooth_loss: float
    progress: ValidationHistory
    corpus_sha256: str
    sha256: str = ""


def save(path: Path, training: Training, progress: ValidationHistory, corpus_sha256: str) -> None:
    """Write a checkpoint atomically. The same training gives the same bytes.

    Raises InputError if it can't be written; the old one is kept then.
    """
    with explained("write", path):
        files.write(path, to_bytes(training, progress, corpus_sha256))


def to_bytes(training: Training, progress: ValidationHistory, corpus_sha256: str) -> bytes:
    """Return a checkpoint's bytes; `corpus_sha256` is that of the run's text."""
    tensors = to_arrays(training)
    header = CheckpointHeader(
        iteration=training.iteration,
        position=training.position,
        smooth_loss=training.smooth_loss,
        progress=progress,
        corpus_sha256=corpus_sha256,
    )
    header = header.model_copy(update={"sha256": _digest(header, tensors)})
    return safetensors.numpy.save(tensors, {METADATA_KEY: header.model_dump_json(by_alias=True)})


def load(path: Path, config: Config) -> tuple[CheckpointHeader, dict[str, np.ndarray]]:
    """Read a checkpoint and verify that it belongs to the run.

    Raises InputError if it is missing or damaged, or has another shape or another corpus.
    """
    try:
        with explained("read", path), safetensors.safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in sorted(file.keys())}
        header = CheckpointHeader.model_validate_json(metadata[METADATA_KEY])
    except ValidationError as error:
        raise InputError(f"{path} has a damaged header: {explain(error)}") from error
    except (safetensors.SafetensorError, LookupError, TypeError, ValueError) as error:
        # NumPy's too, for a shape or a type in the header that it doesn't know.
        raise InputError(f"{path} is damaged or no checkpoint of this program: {error}") from error
    _check_shapes(path, tensors, config)
    digest = _digest(header, tensors)
    if header.sha256 != digest:
        raise InputError(
            f"{path} is damaged: its contents should have SHA-256 {header.sha256}, "
            f"but have {digest}"
        )
    if header.corpus_sha256 != config.corpus.sha256:
        raise InputError(
            f"{path} belongs to another corpus: expected SHA-256 {config.corpus.sha256}, "
            f"got {header.corpus_sha256}"
        )
    _check_numbers(path, header, tensors, config)
    return header, tensors


@dataclass(frozen=True)
class Model:
    """A trained model: weights and initial hidden state (H, 1), in the run's dtype.

    They are averages over the iterations if the run averages.
    `digest` is that of the weights.
    """

    parameters: tuple[np.ndarray, ...]
    initial_state: np.ndarray
    iteration: int
    digest: str

    def in_float64(self) -> tuple[Parameters, np.ndarray]:
        weights = Parameters(*(value.astype(np.float64) for value in self.parameters))
        return weights, self.initial_state.astype(np.float64)


def load_model(path: Path, config: Config) -> Model:
    """Read a checkpoint's model. Raises as load."""
    header, tensors = load(path, config)
    tensors = published(tensors)
    parameters = tuple(tensors[name] for name in PARAMETER_NAMES)
    initial_state = tensors.get(INITIAL_STATE, np.zeros_like(tensors["bh"]))
    digest = digests.of_weights(tensors)
    return Model(parameters, initial_state, header.iteration, digest)


def restore(path: Path, config: Config, training: Training) -> ValidationHistory:
    """Set a new training to a checkpoint's state. Raises as load."""
    header, tensors = load(path, config)
    put_arrays(training, tensors)
    training.position = header.position
    training.iteration = header.iteration
    training.smooth_loss = header.smooth_loss
    return header.progress


def _digest(header: CheckpointHeader, tensors: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256(header.model_dump_json(by_alias=True, exclude={"sha256"}).encode())
    for name, value in tensors.items():
        digest.update(f"{name} {value.dtype} {value.shape}\n".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def _check_numbers(
    path: Path, header: CheckpointHeader, tensors: dict[str, np.ndarray], config: Config
) -> None:
    """Raise InputError for values that no run writes, even with the right checksum."""
    for name, value in tensors.items():
        if not np.isfinite(value).all():
            raise InputError(f"{path} must hold finite numbers, but {name} has others")
    length = config.parts.train.length
    if header.position > length:
        raise InputError(
            f"{path} must have a position in the run's {length} {config.corpus.units}, "
            f"got {shown(header.position)}"
        )


def _check_shapes(path: Path, tensors: dict[str, np.ndarray], config: Config) -> None:
    arrays = expected(config, len(config.vocabulary))
    if tensors.keys() != arrays.keys():
        raise InputError(
            f"{path} must hold {', '.join(sorted(arrays))}; it holds {', '.join(tensors)}"
        )
    for name, (shape, dtype) in arrays.items():
        value = tensors[name]
        if value.shape != shape or value.dtype != dtype:
            raise InputError(
                f"{path} doesn't fit the run: expected {name} of shape {shape} in "
                f"{dtype}, got {value.shape} in {value.dtype}"
            )
