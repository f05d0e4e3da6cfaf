"""Who computes: the same training, in NumPy or in PyTorch, and its numbers in either."""

from collections.abc import Iterable, Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np

import reference
from reference import Hyperparameters, Step, Vocabulary

from .config import Config
from .errors import InputError

PARAMETER_NAMES = ("Whx", "Wha", "Wya", "bh", "by")
ENGINES = ("numpy", "torch", "fast")
DTYPES = ("float64", "float32")


@runtime_checkable
class Training(Protocol):
    """What every engine's Training has; its arrays are the engine's own."""

    parameters: Any
    accumulators: Any
    hidden_state: Any
    position: int
    iteration: int
    smooth_loss: float
    hyperparameters: Hyperparameters
    text: Any

    def step(self) -> Step: ...

    def __iter__(self) -> Iterator[Step]: ...


@runtime_checkable
class ManyAtOnce(Training, Protocol):
    """A Training that takes many iterations in one call, and may take fewer than asked for."""

    def advance(self, iterations: int) -> list[Step]: ...


def start(config: Config, text: np.ndarray, vocabulary: Vocabulary) -> Training:
    """Begin a run at its first iteration.

    Raises InputError for a dtype that the engine doesn't compute in, ValueError as the engine's
    Training does.
    """
    settings: dict[str, Any] = {
        "hyperparameters": config.hyperparameters,
        "vocabulary": vocabulary,
        "seed": config.seed,
        "clip": config.clip,
    }
    match config.engine:
        case "numpy":
            if config.dtype != "float64":
                raise InputError(
                    f"the numpy engine computes in float64 only, not in {config.dtype}; "
                    f"--engine torch does both"
                )
            return reference.Training(text, **settings)
        case "torch" | "fast":
            import torch  # only here: it takes longer to import than everything else

            import torch_impl

            torch.set_num_threads(1)  # the same bits whatever the number of cores
            settings |= {"text": torch.from_numpy(text), "dtype": getattr(torch, config.dtype)}
            if config.engine == "torch":
                return torch_impl.Training(**settings)
            try:
                from torch_impl import fast
            except ModuleNotFoundError as error:
                raise InputError(
                    f"the fast engine needs {error.name}: pip install {error.name}"
                ) from error
            return fast.Training(**settings)


def next_window(training: Training) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return what the next step will read: inputs (T,), targets (T,) and the state (H, 1)."""
    T, position = training.hyperparameters.seq_length, training.position
    state = np.asarray(training.hidden_state)
    if position + T + 1 > len(training.text):
        position, state = 0, np.zeros_like(state)
    window = np.asarray(training.text[position : position + T + 1])
    return window[:-1], window[1:], state


def to_arrays(training: Training) -> dict[str, np.ndarray]:
    """Return weights, Adagrad's sums and the hidden state by name, in the order of the names."""
    arrays = dict(zip(PARAMETER_NAMES, training.parameters, strict=True))
    arrays |= _named_sums(training.accumulators)
    arrays["hidden_state"] = training.hidden_state
    return {name: np.ascontiguousarray(arrays[name]) for name in sorted(arrays)}


def _named_sums(accumulators: Iterable[Any]) -> dict[str, Any]:
    return {
        f"sums.{name}": value for name, value in zip(PARAMETER_NAMES, accumulators, strict=True)
    }


def put_arrays(training: Training, arrays: dict[str, np.ndarray]) -> None:
    """Give a training the numbers of `to_arrays`, from whichever engine of the same dtype."""
    for name, prefix in (("parameters", ""), ("accumulators", "sums.")):
        values = [arrays[prefix + part] for part in PARAMETER_NAMES]
        setattr(training, name, _as_engine_has_them(training, values))
    training.hidden_state = _own(training, arrays["hidden_state"])


def _as_engine_has_them(training: Training, arrays: list[np.ndarray]) -> Any:
    own = [_own(training, array) for array in arrays]
    if isinstance(training, reference.Training):
        return reference.Parameters(*own)
    from torch_impl import Parameters

    return Parameters(*own)


def _own(training: Training, array: np.ndarray) -> Any:
    if isinstance(training, reference.Training):
        return array
    import torch

    return torch.from_numpy(array)
