"""How much is measured: quick to see that it works, regular for figures, large for doubters.

V symbols, H hidden units, T characters a window, B lanes.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Growth:
    """What grows in a series, through which sizes; the rest stays at the base's."""

    axis: str
    sizes: tuple[int, ...]


@dataclass(frozen=True)
class Profile:
    """Sizes and repetitions; times in seconds."""

    H: int
    V: int
    T: int
    rounds: int
    sample_seconds: float
    begun: int  # iterations that the reference takes before measuring begins
    layer_batches: tuple[int, ...]
    layer_widths: tuple[int, ...]
    layer_steps: int
    layer_rounds: int
    growths: tuple[Growth, ...]
    growth_rounds: int
    characters: int  # of a sample
    cold_rounds: int
    ceiling_seconds: float  # spent on each of the machine's ceilings
    clip: float = 5.0

    def repeated(self, rounds: int) -> "Profile":
        """Return the same with another number of rounds everywhere."""
        return replace(
            self, rounds=rounds, layer_rounds=rounds, growth_rounds=rounds, cold_rounds=rounds
        )


QUICK = Profile(
    H=150,
    V=80,
    T=35,
    rounds=7,
    sample_seconds=0.02,
    begun=100,
    layer_batches=(1, 16),
    layer_widths=(64, 150),
    layer_steps=64,
    layer_rounds=5,
    growths=(Growth("T", (35, 350, 1000)), Growth("H", (75, 150, 300))),
    growth_rounds=1,
    characters=200,
    cold_rounds=2,
    ceiling_seconds=0.1,
)
REGULAR = Profile(
    H=150,
    V=80,
    T=35,
    rounds=25,
    sample_seconds=0.05,
    begun=300,
    layer_batches=(1, 16, 64, 128),
    layer_widths=(64, 150, 512, 1024),
    layer_steps=64,
    layer_rounds=7,
    growths=(
        Growth("T", (35, 100, 350, 1000, 3500, 10_000)),
        Growth("H", (75, 150, 300, 600, 1200)),
        Growth("B", (1, 4, 16, 64)),
        Growth("V", (20, 80, 320, 1280)),
    ),
    growth_rounds=3,
    characters=1000,
    cold_rounds=3,
    ceiling_seconds=0.3,
)
LARGE = Profile(
    H=150,
    V=80,
    T=35,
    rounds=75,
    sample_seconds=0.2,
    begun=1000,
    layer_batches=(1, 16, 64, 128),
    layer_widths=(64, 150, 512, 1024),
    layer_steps=64,
    layer_rounds=21,
    growths=(
        Growth("T", (10, 35, 100, 350, 1000, 3500, 10_000)),
        Growth("H", (75, 150, 300, 600, 1200, 2400)),
        Growth("B", (1, 2, 4, 8, 16, 32, 64, 128)),
        Growth("V", (20, 80, 320, 1280, 5120)),
    ),
    growth_rounds=7,
    characters=5000,
    cold_rounds=7,
    ceiling_seconds=1.0,
)
PROFILES = {"quick": QUICK, "regular": REGULAR, "large": LARGE}
