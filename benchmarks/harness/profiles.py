"""The profiles: quick to see that everything works, regular for figures, large for more sizes.

V symbols, H hidden units, T characters per window, B lanes (parallel streams).
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Growth:
    """The axis (T, H, B or V) that grows in a series, and its sizes; other sizes stay fixed."""

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
    training_iterations: (
        int  # iterations by which the reference trains the weights before anything is measured
    )
    layer_batches: tuple[int, ...]
    layer_widths: tuple[int, ...]
    layer_steps: int
    layer_rounds: int
    growths: tuple[Growth, ...]
    growth_rounds: int
    characters: int  # length of the text that is compared with the oracle's
    cold_rounds: int
    ceiling_seconds: float  # spent on measuring each of the machine's ceilings
    clip: float = 5.0

    def repeated(self, rounds: int) -> "Profile":
        """Return a copy with another number of rounds for all workloads."""
        return replace(
            self, rounds=rounds, layer_rounds=rounds, growth_rounds=rounds, cold_rounds=rounds
        )


QUICK = Profile(
    H=150,
    V=80,
    T=35,
    rounds=7,
    sample_seconds=0.02,
    training_iterations=100,
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
    training_iterations=300,
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
    training_iterations=1000,
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
