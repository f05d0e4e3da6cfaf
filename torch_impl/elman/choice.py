"""The choice of an implementation, by device and dtype."""

from functools import cache
from importlib.util import find_spec

import torch
from torch import Tensor

from .computation import Computation
from .fallback import TorchLayer

HAS_NUMBA = find_spec("numba") is not None
COMPILED_DTYPES = (torch.float32, torch.float64)


def choose(like: Tensor) -> Computation:
    """Return what computes a layer with tensors of the dtype and on the device of `like`."""
    if not HAS_NUMBA or like.device.type != "cpu" or like.dtype not in COMPILED_DTYPES:
        return TorchLayer()
    return _compiled()


@cache
def _compiled() -> Computation:
    from .compiled import CompiledLayer  # numba takes a while to import, and may be absent

    return CompiledLayer()
