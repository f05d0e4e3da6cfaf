"""Optimizers over named tensors: compiled for the fast engine, otherwise Adagrad or torch.optim.

Their state exists from the start, so that a checkpoint has the same arrays at every iteration.
"""

import math
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from torch_impl.adagrad import EPSILON

from ..engines.gradients import GradientEngine
from ..engines.names import PARAMETER_NAMES
from ..settings import Settings
from .state import INITIAL_STATE, UPDATES, state_names

if TYPE_CHECKING:
    from torch_impl.fast.layout import Storage  # numba may be missing
    from torch_impl.fast.optimizer import Optimizer as CompiledState
    from torch_impl.fast.rules import Rule


@runtime_checkable
class Optimizer(Protocol):
    """Updates the parameters that it was made for, in place; `state` holds its tensors by name."""

    state: dict[str, Tensor]

    def step(self, gradients: dict[str, Tensor], rate: float) -> None:
        """Clip the gradients in place, if their clip is of finished ones, and update with them.

        Only the parameters that `gradients` names are updated; `rate` is the learning rate.
        """
        ...


class Adagrad:
    """The notebook's Adagrad: epsilon is inside the square root, unlike torch.optim's.

    It gives the same bits as the loop of the engine itself.
    """

    def __init__(
        self, settings: Settings, parameters: dict[str, Tensor], engine: GradientEngine
    ) -> None:
        self._settings = settings
        self._parameters, self._square_root = parameters, engine.square_root
        self.state = {f"sums.{name}": torch.zeros_like(p) for name, p in parameters.items()}

    def step(self, gradients: dict[str, Tensor], rate: float) -> None:
        clip_finished(self._settings, gradients)
        for name, gradient in gradients.items():
            sums = self.state[f"sums.{name}"]
            sums += gradient * gradient
            self._parameters[name] -= rate * gradient / self._square_root(sums + EPSILON)


class FromTorch:
    """An optimizer of torch.optim, with its defaults for all that the settings don't name."""

    def __init__(self, settings: Settings, parameters: dict[str, Tensor]) -> None:
        self._settings, self._parameters = settings, parameters
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
        clip_finished(self._settings, gradients)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        for name, parameter in self._parameters.items():
            parameter.grad = gradients.get(name)
        self._optimizer.step()


class Compiled:
    """The compiled engine's optimizer, whose bits depend on no library."""

    def __init__(self, settings: Settings, storages: "tuple[Storage, Storage]") -> None:
        from torch_impl.fast.optimizer import Optimizer as CompiledState

        weights, self._gradients = storages
        self._optimizer = CompiledState(rule(settings), weights)
        self.state = named_state(settings, self._optimizer)

    def step(self, gradients: dict[str, Tensor], rate: float) -> None:
        """Update with the gradients in the engine's memory, to which that of a0 is copied."""
        learns = INITIAL_STATE in gradients
        self._gradients.a0.zero_()
        if learns:
            self._gradients.a0.copy_(gradients[INITIAL_STATE])
        self._optimizer.step(self._gradients, rate, learns)


def make(settings: Settings, parameters: dict[str, Tensor], engine: GradientEngine) -> Optimizer:
    """Return the optimizer that the settings name, for these parameters of the engine."""
    if engine.storages is not None:
        return Compiled(settings, engine.storages)
    if settings.optimizer == "adagrad":
        return Adagrad(settings, parameters, engine)
    return FromTorch(settings, parameters)


def rule(settings: Settings) -> "Rule":
    """Return the compiled engine's rule for these settings."""
    from torch_impl.fast import rules

    return rules.Rule(
        kind=getattr(rules, settings.optimizer.upper()),
        momentum=settings.momentum,
        weight_decay=settings.weight_decay,
        clip_kind={"value": rules.BY_VALUE, "norm": rules.BY_NORM}.get(
            settings.clip_kind, rules.AS_IT_IS
        ),
        clip=math.inf if settings.clip is None else settings.clip,
        learns_initial_state=settings.learn_initial_state,
    )


def named_state(settings: Settings, optimizer: "CompiledState") -> dict[str, Tensor]:
    """Return the state of a compiled optimizer by the names in a checkpoint."""
    found: dict[str, Tensor] = {}
    storages = iter((optimizer.first, optimizer.second))
    for key in state_names(settings):
        if key == UPDATES:
            values, own = [optimizer.steps[0]] * len(PARAMETER_NAMES), optimizer.steps[1]
        else:
            storage = next(storages)
            values, own = list(storage), storage.a0
        found |= {f"{key}.{name}": v for name, v in zip(PARAMETER_NAMES, values, strict=True)}
        if settings.learn_initial_state:
            found[f"{key}.{INITIAL_STATE}"] = own
    return found


def clip_finished(settings: Settings, gradients: dict[str, Tensor]) -> None:
    """Bound every entry of the gradients, or their norm over all parameters, in place."""
    clip = settings.clip
    if clip is None or settings.clip_kind == "running":
        return
    if settings.clip_kind == "value":
        for gradient in gradients.values():
            gradient.clamp_(-clip, clip)
        return
    squares = [float(gradient.double().square().sum()) for gradient in gradients.values()]
    norm = math.sqrt(math.fsum(squares))
    if norm > clip:
        for gradient in gradients.values():
            gradient.mul_(clip / norm)
