"""Workload (d): sampling from a trained network, float64."""

from ..harness.arena import Arena, only
from ..harness.profiles import Profile
from ..harness.registry import SAMPLING, Engine
from ..harness.results import Workload
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
    results, orders = arena.compete(
        only(engines, names),
        problem,
        lambda engine, remote: compare(problem, remote),
        rounds=profile.rounds,
        sample_seconds=profile.sample_seconds,
        same_units=True,
    )
    return Workload(
        name="sampling",
        title="(d) A sampled character, float64",
        unit="character",
        threads=arena.threads,
        sizes={"H": base.H, "V": base.V},
        engines=results,
        ours="fast",
        orders=orders,
        oracle=f"reference.generate, {profile.characters} characters one by one",
    )
