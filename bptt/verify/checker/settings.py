"""The settings of a verification: how many cases, of which sizes, within which time."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .loading import ProblemFactory

HIGHEST = {"T": 6}  # 5 for other sizes; each starts at 1


@dataclass(frozen=True)
class Settings:
    """The settings of a verification.

    `cases` is the largest number of cases to check (a few large ones and those of the diagnosis are
    extra), `seed` that of the search. `time_limit` is the longest that one call of the user's code
    may take, `budget` the longest that the whole verification may take, both in seconds. `sizes`
    maps the names of sizes to (lowest, highest). `tolerance` is the permitted error of an entry,
    relative to the largest entry of its parameter: for gradients that are approximate on purpose.

        verify(problem, Settings(cases=200, sizes={"T": (1, 8), "H": (2, 2)}))
    """

    cases: int = 60
    seed: int = 0
    time_limit: float = 10.0
    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    budget: float = 60.0
    tolerance: float = 0.0

    def range_of(self, name: str) -> tuple[int, int]:
        """Return the lowest and the highest value of a size."""
        return self.sizes.get(name, (1, HIGHEST.get(name, 5)))

    def distinct_sizes(self, factory: ProblemFactory, rotation: int = 0) -> dict[str, int]:
        """Return medium sizes that all differ, so that no shape fits by accident.

        `rotation` permutes them among the names.
        """
        chosen = {}
        for place, name in enumerate(factory.size_names):
            low, high = self.range_of(name)
            chosen[name] = min(high, low + 2 + (place + rotation) % 3)
        return chosen
