"""Problems over tensors whose gradient is computed in NumPy."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from bptt.verify import GradientProblem

Problem = Callable[..., GradientProblem]


def over_tensors(values: dict[str, Any], loss: Any, gradient: Any) -> GradientProblem:
    def tensor_gradient(p: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        found = gradient({name: value.numpy() for name, value in p.items()})
        return {name: torch.from_numpy(np.asarray(value)) for name, value in found.items()}

    tensors = {name: torch.from_numpy(value) for name, value in values.items()}
    return GradientProblem(tensors, loss, tensor_gradient)
