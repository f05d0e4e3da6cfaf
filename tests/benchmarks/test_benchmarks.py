"""The benchmarks time only right engines, pair ratios by round, and report failures."""

import importlib
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from benchmarks.harness.absence import AbsentError
from benchmarks.harness.arena import Arena
from benchmarks.harness.profiles import QUICK, Growth
from benchmarks.harness.progress import Progress
from benchmarks.harness.registry import LAYER, OURS, TRAINING, Engine
from benchmarks.harness.results import ABSENT, FAILED, MEASURED, REFUSED, EngineResult, Workload
from benchmarks.harness.spread import Spread, growth_exponent, median_interval, paired_ratios
from benchmarks.problems import training_oracle
from benchmarks.problems.differences import Difference, worst
from benchmarks.problems.layer import LayerProblem, compare, expected
from benchmarks.problems.training import Problem
from benchmarks.workloads import training
from bptt.errors import InputError
from bptt.text.corpora import Corpus

ROOT = Path(__file__).parents[2]
TEXT = "She sells sea shells by the sea shore; the shells she sells are sea shells.\n" * 20
CORPUS = Corpus("shells", "shells", TEXT)
TINY = replace(
    QUICK,
    H=6,
    V=12,
    T=5,
    rounds=2,
    sample_seconds=0.001,
    training_iterations=40,
    layer_batches=(2,),
    layer_widths=(4,),
    layer_steps=3,
    layer_rounds=2,
    growths=(Growth("T", (4, 8)),),
    characters=20,
    cold_rounds=1,
    ceiling_seconds=0.002,
    clip=0.5,  # small enough to act in this small network
)


@pytest.fixture(scope="module")
def problem() -> Problem:
    return training.problem(TINY, CORPUS)


def silent() -> Progress:
    return Progress(Console(file=io.StringIO()))


def compete(problem: Problem, *engines: Engine) -> dict[str, EngineResult]:
    with silent() as progress, Arena(1, progress, seed=0) as arena:
        workload = training.run(arena, TINY, problem, "float64", set(), engines)
    return {engine.name: engine for engine in workload.engines}


def planted(name: str) -> Engine:
    return Engine(name, f"tests.benchmarks.planted_engines:{name}", "planted", OURS)


GOOD = Engine("good", "benchmarks.engines.numpy_training:Loop", "NumPy", OURS)
WRONG = {
    "Steeper": "Wha",
    "FinalClip": "sums of",
    "EpsilonOutside": "rule for",
    "Forgetful": "",
    "Endless": "at the end of the text",
    "Lucky": "Wha",
}


def test_wrong_engines_are_refused_and_never_timed(problem: Problem) -> None:
    results = compete(problem, GOOD, *map(planted, WRONG))
    assert results["good"].status == MEASURED
    assert len(results["good"].seconds) == TINY.rounds
    for name, words in WRONG.items():
        assert results[name].status == REFUSED, results[name]
        assert results[name].seconds == []
        assert words in results[name].remark


def test_engine_that_turns_wrong_while_timed_is_refused(problem: Problem) -> None:
    result = compete(problem, planted("Tiring"))["Tiring"]
    assert result.status == REFUSED
    assert "after the timing" in result.remark


def test_missing_and_broken_engines_are_reported(problem: Problem) -> None:
    ghost = Engine("ghost", "benchmarks.engines.ghost:Ghost", "not there", OURS)
    results = compete(problem, ghost, planted("Raising"), planted("Dying"), GOOD)
    assert results["ghost"].status == ABSENT
    assert "benchmarks.engines.ghost" in results["ghost"].remark
    assert results["Raising"].status == FAILED
    assert "out of order" in results["Raising"].remark
    assert results["Dying"].status == FAILED
    assert "status 3" in results["Dying"].remark
    assert results["good"].status == MEASURED


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("engine", TRAINING, ids=lambda engine: engine.name)
def test_every_engine_computes_what_it_says(engine: Engine, dtype: str, problem: Problem) -> None:
    if dtype not in engine.dtypes or engine.name == "nn.RNN-compiled":
        pytest.skip("does not compute in this dtype, or compiles for minutes")
    module, _, name = engine.subject.partition(":")
    own = replace(problem, dtype=dtype)
    try:
        subject = getattr(importlib.import_module(module), name)(own)
    except (AbsentError, ImportError) as error:
        pytest.skip(str(error))
    assert engine.rule is not None
    found = worst(training_oracle.check(own, engine.rule, subject))
    assert found.agrees, found
    for rule in (replace(engine.rule, clip="none"), replace(engine.rule, epsilon="elsewhere")):
        if rule.epsilon == "elsewhere":
            other = {"inside": "outside", "outside": "inside"}[engine.rule.epsilon]
            rule = replace(engine.rule, epsilon=other)
        assert not worst(training_oracle.check(own, rule, subject)).agrees, rule


def test_clip_that_never_acts_is_no_test_of_the_clip(problem: Problem) -> None:
    with pytest.raises(InputError, match="could pass for another"):
        training_oracle.check_that_rules_differ(replace(problem, clip=1e9))


@pytest.mark.parametrize("size", [(1, 1, 1), (5, 3, 4)])
def test_layer_oracle_equals_autograd(size: tuple[int, int, int]) -> None:
    from benchmarks.engines.torch_layers import Module, Operations

    problem = LayerProblem(*size, dtype="float64")
    right = expected(problem)
    for subject in (Module(problem), Operations(problem)):
        found = worst(compare(problem, right, subject))
        assert found.agrees, found
    right[2][0, 0] *= 1 + 1e-9
    assert not worst(compare(problem, right, Module(problem))).agrees


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("engine", LAYER, ids=lambda engine: engine.name)
def test_every_layer_engine_computes_the_layer(engine: Engine, dtype: str) -> None:
    if dtype not in engine.dtypes or engine.name == "nn.RNN-compiled":
        pytest.skip("does not compute in this dtype, or compiles for minutes")
    module, _, name = engine.subject.partition(":")
    problem = LayerProblem(5, 3, 7, dtype)
    try:
        subject = getattr(importlib.import_module(module), name)(problem)
    except (AbsentError, ImportError) as error:
        pytest.skip(str(error))
    found = worst(compare(problem, expected(problem), subject, engine.precision))
    assert found.agrees, found
    subject.run(3)
    again = worst(compare(problem, expected(problem), subject, engine.precision))
    assert again == found  # nothing of earlier passes is left in the sums


def test_interval_of_a_median_covers_it_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(200):
        low, high = median_interval(rng.lognormal(size=15).tolist())
        assert low <= high
        covered += low <= 1.0 <= high
    assert 180 <= covered <= 199
    assert median_interval([2.0]) == (2.0, 2.0)
    with pytest.raises(ValueError, match="none"):
        median_interval([])


def test_ratios_are_taken_round_by_round() -> None:
    slow = EngineResult("slow", "", "", MEASURED, seconds=[2.0, 20.0, 200.0])
    fast = EngineResult("fast", "", "", MEASURED, seconds=[1.0, 10.0, 50.0])
    workload = Workload("w", "", "unit", 1, {}, [slow, fast])
    assert paired_ratios(slow.seconds, fast.seconds) == [2.0, 2.0, 4.0]
    assert workload.ratio("slow", "fast") == Spread(2.0, 2.0, 3.0, 2.0, 4.0, 3)
    with pytest.raises(ValueError, match="shorter"):
        paired_ratios([1.0, 2.0], [1.0])


def test_exponent_of_a_square_is_two() -> None:
    assert growth_exponent([1, 2, 4], [3.0, 12.0, 48.0]) == pytest.approx(2.0)
    with pytest.raises(ValueError, match="two sizes"):
        growth_exponent([2, 2], [1.0, 1.0])


def test_differences_find_the_worst_place_and_every_nan() -> None:
    near = Difference.of("near", np.array([1.0, 2.0]), np.array([1.0, 2.5]), np.array([0.1, 1.0]))
    assert (near.size, near.allowed, near.agrees) == (0.5, 1.0, True)
    unknown = Difference.of("unknown", np.array([np.nan, 1.0]), np.array([1.0, 1.0]), 1.0)
    assert not unknown.agrees
    assert worst([near, unknown, near]) is unknown
    assert not Difference.of("shape", np.zeros(2), np.zeros(3), 1.0).agrees
    assert Difference.of("same", 3.0, 3.0, 0.0).agrees
