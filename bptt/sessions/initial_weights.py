"""The weights of another run, from which a run starts (`--init-from`)."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reference import Parameters, Vocabulary

from ..engines.names import PARAMETER_NAMES
from ..errors import InputError, counted
from ..runs import checkpoint, digests
from ..runs.checkpoint import Model
from ..runs.config import Config
from ..runs.folder import RunFolder
from ..settings import Settings
from ..training.state import INITIAL_STATE

INHERITED = ("hidden_size", "learn_initial_state")  # unless they are given
LONGEST_LIST = 20  # unknown symbols in a message


@dataclass(frozen=True)
class InitialWeights:
    """A run's weights, and the settings that they belong to.

    `source` is the absolute path of the run folder or of a checkpoint in it.
    """

    source: Path
    config: Config
    model: Model

    @classmethod
    def read(cls, place: Path, seed: int) -> "InitialWeights":
        """Read a run's best weights, or a checkpoint's in a run folder.

        Of a folder of several seeds, the run with the same seed is read. Raises InputError if there
        is no run, or its files are damaged.
        """
        source = place.absolute()
        if source.is_file():
            config = RunFolder(source.parent).read_config()
            return cls(source, config, checkpoint.load_model(source, config))
        of_seed = source / f"seed-{seed}"
        if not (source / "config.json").exists() and of_seed.exists():
            source = of_seed
        folder = RunFolder(source)
        return cls(source, folder.read_config(), folder.load_model())

    @property
    def vocabulary(self) -> Vocabulary:
        return Vocabulary(self.config.vocabulary)

    def filled_in(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return settings with those of the other run that belong to its weights, unless given."""
        own = {name: getattr(self.config, name) for name in INHERITED}
        own["units"] = self.config.corpus.units
        chosen = {name: value for name, value in given.items() if value is not None}
        return given | {name: value for name, value in own.items() if name not in chosen}

    def check(self, settings: Settings) -> None:
        """Raise InputError unless the weights fit a run with these settings."""
        for name, got, expected in (
            ("--hidden", settings.hidden_size, self.config.hidden_size),
            ("--units", settings.units, self.config.corpus.units),
        ):
            if got != expected:
                raise InputError(f"{name} must be {expected}, as of {self.source}, got {got}")

    def refuse_unknown(self, symbols: Iterable[str], name: str) -> None:
        """Raise InputError that says which symbols of a text the other run doesn't know."""
        unknown = sorted(set(symbols) - set(self.config.vocabulary))
        if unknown:
            shown = " ".join(map(repr, unknown[:LONGEST_LIST]))
            more = " …" if len(unknown) > LONGEST_LIST else ""
            raise InputError(
                f"{name} has {counted(len(unknown), 'symbols')} that {self.source} doesn't know: "
                f"{shown}{more}. A run that starts from its weights keeps its "
                f"{counted(len(self.config.vocabulary), 'symbols')}"
            )

    def arrays(self, settings: Settings) -> dict[str, np.ndarray]:
        """Return the weights by name, and the initial state if it is learned, in the run's dtype.

        Raises InputError for a number that the dtype can't hold.
        """
        named: dict[str, np.ndarray] = dict(
            zip(PARAMETER_NAMES, self.model.parameters, strict=True)
        )
        if settings.learn_initial_state:
            named[INITIAL_STATE] = self.model.initial_state
        with np.errstate(over="ignore"):
            arrays = {name: value.astype(settings.dtype) for name, value in named.items()}
        for name, value in arrays.items():
            if not np.isfinite(value).all():
                raise InputError(f"{name} of {self.source} has numbers too large for float32")
        return arrays

    def parameters(self, settings: Settings) -> Parameters:
        """Return the weights as a run with these settings starts from them, in float64."""
        arrays = self.arrays(settings)
        return Parameters(*(arrays[name].astype(np.float64) for name in PARAMETER_NAMES))


def refuse_other(expected: str, arrays: dict[str, np.ndarray], source: Path) -> None:
    """Raise InputError unless the weights have the SHA-256 that a run started from."""
    got = digests.of_weights(arrays)
    if got != expected:
        raise InputError(
            f"the run started from weights with SHA-256 {expected}, got {got} from {source}; "
            "name the run that has them, or a checkpoint in it: --init-from RUN"
        )
