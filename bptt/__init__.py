"""Hand-written back-propagation through time that can be trusted: the programs around it.

>>> import bptt
>>> network = bptt.load_run("runs/novel")
>>> print(network.sample("Once ", temperature=0.7))
"""

from typing import TYPE_CHECKING, Any

from .about import __version__

if TYPE_CHECKING:
    from .errors import InputError
    from .models.network import TrainedNetwork, load_run

__all__ = ["InputError", "TrainedNetwork", "__version__", "load_run"]


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that verifying gradients doesn't import the rest."""
    if name == "InputError":
        from .errors import InputError

        return InputError
    if name in ("TrainedNetwork", "load_run"):
        from .models import network

        return getattr(network, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
