"""Who computes: the same training, in NumPy, in PyTorch or in compiled code."""

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np

import reference
from reference import Hyperparameters, Step, Vocabulary

from .config import Config
from .errors import InputError
from .group import ALONE, Group
from .initialization import initialize
from .progress import Progress
from .settings import Settings


@runtime_checkable
class Training(Protocol):
    """What every engine's Training has; its arrays are the engine's own."""

    parameters: Any
    hidden_state: Any
    position: int
    iteration: int
    smooth_loss: float
    hyperparameters: Hyperparameters
    text: Any
    lanes: int

    def step(self) -> Step: ...

    def __iter__(self) -> Iterator[Step]: ...


@runtime_checkable
class ManyAtOnce(Training, Protocol):
    """A Training that takes many iterations in one call, and may take fewer than asked for."""

    def advance(self, iterations: int) -> list[Step]: ...


@runtime_checkable
class Composed(Training, Protocol):
    """A Training put together from parts; its schedule reads what validation has said."""

    progress: Progress


@runtime_checkable
class InProcesses(Training, Protocol):
    """A Training that several processes take together."""

    def share_state(self) -> None: ...


def start(
    config: Config, text: np.ndarray, vocabulary: Vocabulary, group: Group = ALONE
) -> Training:
    """Begin a run at its first iteration: the engine's own loop where it is the notebook's.

    Several processes share one that is put together from parts; only the fast engine can.

    Raises InputError where a library is missing, ValueError as the engine's Training does.
    """
    parameters = initialize(
        config.initialization,
        vocab_size=len(vocabulary),
        hidden_size=config.hidden_size,
        seed=config.seed,
    )
    try:
        if group.size > 1:
            return _shared(config, text, vocabulary, parameters, group)
        if is_notebooks(config):
            return _own_loop(config, text, vocabulary, parameters)
        return _composed(config, text, vocabulary, parameters)
    except ModuleNotFoundError as error:
        raise InputError(
            f"the {config.engine} engine needs {error.name}: pip install {error.name}"
        ) from error


def is_notebooks(settings: Settings) -> bool:
    """Whether the engine's own Training, which is the notebook's loop, does all that is set."""
    return (
        settings.optimizer == "adagrad"
        and settings.schedule == "constant"
        and settings.clip_kind in ("running", "none")
        and not settings.learn_initial_state
        and settings.sample_temperature == 0.0
    )


def _own_loop(
    config: Config, text: np.ndarray, vocabulary: Vocabulary, parameters: reference.Parameters
) -> Training:
    settings: dict[str, Any] = {
        "hyperparameters": config.hyperparameters,
        "vocabulary": vocabulary,
        "clip": config.clip,
        "lanes": config.lanes,
    }
    if config.engine == "numpy":
        return reference.Training(text, parameters=parameters, **settings)
    import torch  # only where it computes: it takes longer to import than everything else

    import torch_impl
    from torch_impl import convert

    torch.set_num_threads(1)  # the same bits whatever the number of cores
    dtype = getattr(torch, config.dtype)
    if config.engine == "torch":
        weights = convert.from_reference(parameters, dtype=dtype)
        return torch_impl.Training(text, parameters=weights, **settings)
    from torch_impl import fast

    return fast.Training(text, parameters=parameters, dtype=dtype, **settings)


def _composed(
    config: Config, text: np.ndarray, vocabulary: Vocabulary, parameters: reference.Parameters
) -> Training:
    import torch

    from torch_impl import convert

    from . import gradients
    from .composed import ComposedTraining

    torch.set_num_threads(1)
    dtype = getattr(torch, config.dtype)
    match config.engine:
        case "numpy":
            differentiator = gradients.InNumPy(parameters)
        case "torch":
            differentiator = gradients.InTorch(convert.from_reference(parameters, dtype=dtype))
        case "fast":
            differentiator = gradients.Compiled(
                parameters, seq_length=config.seq_length, lanes=config.lanes, dtype=dtype
            )
    return ComposedTraining(
        text,
        config,
        vocabulary=vocabulary,
        hyperparameters=config.hyperparameters,
        differentiator=differentiator,
    )


def _shared(
    config: Config,
    text: np.ndarray,
    vocabulary: Vocabulary,
    parameters: reference.Parameters,
    group: Group,
) -> Training:
    import torch

    from . import shared_gradients
    from .shared_training import SharedTraining

    differentiator = shared_gradients.share(
        parameters,
        group,
        seq_length=config.seq_length,
        lanes=config.lanes,
        dtype=getattr(torch, config.dtype),
        running_clip=config.running_clip is not None,
    )
    return SharedTraining(
        text,
        config,
        vocabulary=vocabulary,
        hyperparameters=config.hyperparameters,
        differentiator=differentiator,
        group=group,
    )


def next_window(training: Training) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the first lane's next step will read: inputs and targets (T,), state (H, 1)."""
    T, position = training.hyperparameters.seq_length, training.position
    state = np.asarray(training.hidden_state)[:, :1]
    if position + T + 1 > len(training.text) // training.lanes:
        position, state = 0, np.zeros_like(state)
    window = np.asarray(training.text[position : position + T + 1]).astype(np.int64)
    return window[:-1], window[1:], state
