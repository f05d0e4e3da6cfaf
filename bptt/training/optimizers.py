"""Update rules over named tensors: the notebook's Adagrad by hand, others from torch.optim.

Their state is there from the start, so that a checkpoint has the same shape at every iteration.
"""

from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from torch_impl.adagrad import EPSILON

from ..settings import Settings
from .state import COUNT, kept


@runtime_checkable
class Optimizer(Protocol):
    """Updates the tensors that it was made for, in place."""

    state: dict[str, Tensor]

    def step(self, gradients: dict[str, Tensor], rate: float) -> None:
        """Take a step on the parameters that `gradients` names."""
        ...


class Adagrad:
    """The notebook's: its epsilon stands inside the square root, which torch.optim's doesn't.

    It rounds as the reference and the fast engine's own loop do, to the last bit.
    """

    def __init__(self, parameters: dict[str, Tensor]) -> None:
        self._parameters = parameters
        self.state = {f"sums.{name}": torch.zeros_like(p) for name, p in parameters.items()}

    def step(self, gradients: dict[str, Tensor], rate: float) -> None:
        for name, gradient in gradients.items():
            sums = self.state[f"sums.{name}"]
            sums += gradient * gradient
            # NumPy's root is the nearest float; torch's, from MKL, may be the one beside it.
            root = torch.from_numpy(np.sqrt((sums + EPSILON).numpy()))
            self._parameters[name] -= rate * gradient / root


class FromTorch:
    """One of torch.optim's, with its defaults for all that the settings don't name."""

    def __init__(self, settings: Settings, parameters: dict[str, Tensor]) -> None:
        self._parameters = parameters
        more: dict[str, Any] = {"weight_decay": settings.weight_decay, "foreach": False}
        kinds = {
            "adam": torch.optim.Adam,
            "adamw": torch.optim.AdamW,
            "rmsprop": torch.optim.RMSprop,
            "sgd": torch.optim.SGD,
        }
        if settings.momentum:
            more["momentum"] = settings.momentum
        values = list(parameters.values())
        self._optimizer = kinds[settings.optimizer](values, lr=settings.learning_rate, **more)
        self.state = {}
        for name, parameter in parameters.items():
            for key in kept(settings):
                start = torch.tensor(0.0) if key == COUNT else torch.zeros_like(parameter)
                self._optimizer.state[parameter][key] = start
                self.state[f"{key}.{name}"] = start

    def step(self, gradients: dict[str, Tensor], rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        for name, parameter in self._parameters.items():
            parameter.grad = gradients.get(name)
        self._optimizer.step()


def make(settings: Settings, parameters: dict[str, Tensor]) -> Optimizer:
    if settings.optimizer == "adagrad":
        return Adagrad(parameters)
    return FromTorch(settings, parameters)
