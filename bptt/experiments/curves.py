"""Loss curves from logs, and the mean of several runs' curves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..runs import smoothing
from ..runs.config import Config
from ..runs.log import Entry


@dataclass(frozen=True)
class Curve:
    """Bits per character at the points of their measurement; all arrays have one length."""

    iterations: np.ndarray
    characters: np.ndarray
    seconds: np.ndarray
    bits: np.ndarray

    @classmethod
    def of(cls, entries: Sequence[Entry], bits: Sequence[float]) -> "Curve":
        return cls(
            np.array([entry.iteration for entry in entries], dtype=np.int64),
            np.array([entry.characters for entry in entries], dtype=np.int64),
            np.array([entry.seconds for entry in entries], dtype=np.float64),
            np.array(bits, dtype=np.float64),
        )

    def __len__(self) -> int:
        return len(self.bits)


def validation(entries: Sequence[Entry]) -> Curve:
    """Return the validation results in a log."""
    said = [entry for entry in entries if entry.validation_bits is not None]
    return Curve.of(said, [entry.validation_bits or 0.0 for entry in said])


def smoothed(entries: Sequence[Entry], config: Config) -> Curve:
    """Return the mean training loss of the windows up to each entry."""
    return Curve.of(entries, [smoothing.bits_at(config, entry) for entry in entries])


def mean(curves: Sequence[Curve]) -> tuple[Curve, np.ndarray]:
    """Return the mean curve, and the sample standard deviation of the bits around it.

    Only iterations common to all curves count, so a run that ended early shortens the mean. The
    deviation of a single curve is zero.
    """
    common = set(curves[0].iterations.tolist())
    for curve in curves[1:]:
        common &= set(curve.iterations.tolist())
    at = [np.isin(curve.iterations, sorted(common)) for curve in curves]
    bits = np.array([curve.bits[here] for curve, here in zip(curves, at, strict=True)])
    seconds = np.array([curve.seconds[here] for curve, here in zip(curves, at, strict=True)])
    first, here = curves[0], at[0]
    deviation = bits.std(axis=0, ddof=1) if len(curves) > 1 else np.zeros(bits.shape[1])
    whole = Curve(
        first.iterations[here], first.characters[here], seconds.mean(axis=0), bits.mean(axis=0)
    )
    return whole, deviation
