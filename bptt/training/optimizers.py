"""Optimizers over named tensors: the notebook's Adagrad by hand, the others from torch.optim.

Their state exists from the start, so that a checkpoint has the same arrays at every iteration.
"""

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from torch_impl.adagrad import EPSILON

from ..engines.gradients import GradientEngine
from ..settings import Settings
from .state import UPDATES, state_names


@runtime_checkable
class Optimizer(Protocol):
    """Updates the parameters that it was made for, in place; `state` holds its tensors by name."""

    state: dict[str, Tensor]

    def step(self, gradients: dict[str, Tensor], rate: float) -> None:
        """Update the parameters that `gradients` names; `rate` is the learning rate."""
        ...


class Adagrad:
    """The notebook's Adagrad: epsilon is inside the square root, unlike torch.optim's.

    It gives the same bits as the loop of the engine itself.
    """

    def __init__(self, parameters: dict[str, Tensor], engine: GradientEngine) -> None:
        self._parameters, self._square_root = parameters, engine.square_root
        self.state = {f"sums.{name}": torch.zeros_like(p) for name, p in parameters.items()}

    def step(self, gradients: dict[str, Tensor], rate: float) -> None:
        for name, gradient in gradients.items():
            sums = self.state[f"sums.{name}"]
            sums += gradient * gradient
            self._parameters[name] -= rate * gradient / self._square_root(sums + EPSILON)


class FromTorch:
    """An optimizer of torch.optim, with its defaults for all that the settings don't name."""

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
            for key in state_names(settings):
                start = torch.tensor(0.0) if key == UPDATES else torch.zeros_like(parameter)
                self._optimizer.state[parameter][key] = start
                self.state[f"{key}.{name}"] = start

    def step(self, gradients: dict[str, Tensor], rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        for name, parameter in self._parameters.items():
            parameter.grad = gradients.get(name)
        self._optimizer.step()


def make(settings: Settings, parameters: dict[str, Tensor], engine: GradientEngine) -> Optimizer:
    """Return the optimizer that the settings name, for these parameters of the engine."""
    if settings.optimizer == "adagrad":
        return Adagrad(parameters, engine)
    return FromTorch(settings, parameters)
