"""Workload (d): sampling from a trained network, float64."""

from ..harness.arena import Arena, only
from ..harness.profiles import Profile
from ..harness.registry import SAMPLING, Engine
from ..harness.results import Workload
from ..limit.limit import limit_of
from ..problems.sampling import SamplingProblem, compare
from ..problems.training import Problem


def run(
    arena: Arena,
    profile: Profile,
    base: Problem,
    names: set[str],
    engines: tuple[Engine, ...] = SAMPLING,
) -> Workload:
    """Measure the sampling of a long text; a unit is one character."""
    problem = SamplingProblem(base, profile.characters)
    sizes = {"H": base.H, "V": base.V}
    found = arena.compete(
        only(engines, names),
        problem,
        lambda engine, remote: compare(problem, remote),
        rounds=profile.rounds,
        sample_seconds=profile.sample_seconds,
        same_units=True,
        yardstick=limit_of("character", sizes, "float64", arena.threads, profile),
    )
    return Workload(
        name="sampling",
        title="(d) A sampled character, float64",
        unit="character",
        threads=arena.threads,
        sizes=sizes,
        engines=found.engines,
        ours="fast",
        orders=found.orders,
        limit=found.limit,
        limit_parts=found.limit_parts,
        oracle=f"reference.generate, {profile.characters} characters one by one",
    )
