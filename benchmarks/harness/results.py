"""What a run leaves behind, as results.json holds it; times in seconds a unit."""

from dataclasses import dataclass, field
from typing import Any

from .spread import Spread, paired_ratios

MEASURED, ABSENT, REFUSED, FAILED = "measured", "absent", "refused", "failed"


@dataclass
class EngineResult:
    """One engine in one workload; `remark` says why it is not measured, where it isn't.

    `difference` is the worst comparison with the oracle before the timing, `difference_share` how
    much of what is allowed it takes. `cores` are processor seconds a wall-clock second.
    """

    name: str
    description: str
    computes: str
    status: str
    remark: str = ""
    difference: str = ""
    difference_share: float | None = None
    units: int = 0
    seconds: list[float] = field(default_factory=list)
    cores: list[float] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def spread(self) -> Spread:
        return Spread.of(self.seconds)

    @property
    def processor_seconds(self) -> list[float]:
        """Seconds of all threads together: where others use the machine too, less disturbed."""
        return [wall * cores for wall, cores in zip(self.seconds, self.cores, strict=True)]


@dataclass
class Workload:
    """One table: the engines over the same unit of the same work.

    `limit` is the least time of a unit in seconds, `limit_parts` what it is the sum of. `oracle`
    names what equality was asserted with, `ours` this project's own engine.
    """

    name: str
    title: str
    unit: str
    threads: int
    sizes: dict[str, int]
    engines: list[EngineResult]
    ours: str = ""
    oracle: str = ""
    limit: float | None = None
    limit_parts: dict[str, float] = field(default_factory=dict)
    orders: list[list[str]] = field(default_factory=list)

    @property
    def measured(self) -> list[EngineResult]:
        return [engine for engine in self.engines if engine.status == MEASURED]

    def ratio(self, numerator: str, denominator: str) -> Spread:
        """Return how many times as long the numerator takes, round by round."""
        by_name = {engine.name: engine for engine in self.measured}
        return Spread.of(paired_ratios(by_name[numerator].seconds, by_name[denominator].seconds))
