"""The versions of the software that computed a run."""

import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import safetensors
from threadpoolctl import threadpool_info

from .about import __version__
from .strict import Strict


class Versions(Strict):
    """The versions that a run's bits depend on, as config.json records them."""

    bptt: str
    python: str
    numpy: str
    torch: str
    safetensors: str
    blas: str
    machine: str

    @classmethod
    def current(cls) -> "Versions":
        return cls(
            bptt=__version__,
            python=platform.python_version(),
            numpy=np.__version__,
            torch=version("torch"),
            safetensors=safetensors.__version__,
            blas=_blas_of_numpy(),
            machine=f"{platform.system()} {platform.machine()}",
        )

    def differences(self, other: "Versions") -> list[str]:
        """Return the versions that differ in `other`, each as KEY OLD is now NEW."""
        mine, theirs = self.model_dump(), other.model_dump()
        return [
            f"{key} {mine[key]} is now {theirs[key]}" for key in mine if mine[key] != theirs[key]
        ]


def _blas_of_numpy() -> str:
    """Return the name and version of NumPy's BLAS; SciPy's own may be loaded or not."""
    for library in threadpool_info():
        folders = Path(library["filepath"]).parts
        if library["user_api"] == "blas" and {"numpy", "numpy.libs"} & {*folders}:
            return f"{library['internal_api']} {library['version']} ({library['architecture']})"
    built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    return f"{built['name']} {built['version']}"
