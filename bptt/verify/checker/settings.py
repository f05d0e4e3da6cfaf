"""How hard a search looks, and within which sizes."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .loading import Maker

HIGHEST = {"T": 6}  # the others 5; each from 1


@dataclass(frozen=True)
class Settings:
    """How hard to look.

    `sizes` are ranges. `time_limit` is in seconds for each call, `budget` for the whole, with the
    shrinking and the diagnosis. `tolerance` is what an entry may be off, in units of the largest of
    its parameter: for gradients that are approximate on purpose.
    """

    cases: int = 60
    seed: int = 0
    time_limit: float = 10.0
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    budget: float = 60.0
    tolerance: float = 0.0

    def range_of(self, name: str) -> tuple[int, int]:
        return self.sizes.get(name, (1, HIGHEST.get(name, 5)))

    def distinct_sizes(self, maker: Maker, rotation: int = 0) -> dict[str, int]:
        """Return middling sizes that differ, so that no shape fits by accident.

        `rotation` gives each size what another has otherwise.
        """
        chosen = {}
        for place, name in enumerate(maker.size_names):
            low, high = self.range_of(name)
            chosen[name] = min(high, low + 2 + (place + rotation) % 3)
        return chosen
