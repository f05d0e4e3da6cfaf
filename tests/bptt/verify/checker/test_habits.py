"""The verifier copes with how people write: the right verdict, whatever the shape of the code."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy import zeros as nothing

from bptt.verify import GradientProblem, Settings, check, verify
from bptt.verify.checker.buffers import buffers_converted
from bptt.verify.checker.evaluated_problem import make
from bptt.verify.checker.loading import load
from bptt.verify.checker.oracles.analytic import not_analytic
from bptt.verify.checker.oracles.precision import loss_is_single
from bptt.verify.checker.problem import Case

from .correct import FAMILIES

FEW = Settings(cases=12)


def off_by(family, factor: float):
    """Plant a factor in the gradient of the family's first parameter."""

    def problem(rng, **sizes):
        made = family(**sizes, rng=rng)
        name = next(iter(made.parameters))

        def gradient(p):
            computed = made.gradient(p)
            return computed | {name: computed[name] * factor}

        return replace(made, gradient=gradient)

    factory = load(family)
    return replace(factory, function=problem)


@pytest.mark.parametrize("name", FAMILIES)
def test_family_is_right_and_float32_inside_is_said(name: str) -> None:
    report = verify(FAMILIES[name], FEW)
    assert report.exit_status == 0, report.tally("verdict")
    verdicts = report.tally("verdict")
    assert verdicts["right"] + verdicts.get("rounding", 0) >= 5
    said = any("computes in float32" in note for note in report.notes)
    assert said == name.startswith("float32")


@pytest.mark.parametrize(
    "name", sorted(FAMILIES.keys() - {"constant"})
)  # a factor of zero is right
def test_factor_in_a_family_is_found(name: str) -> None:
    report = verify(off_by(FAMILIES[name], 1.01 if "float32" in name else 1.0001), FEW)
    assert report.verdict == "wrong"
    assert report.diagnosis is not None
    first = next(iter(report.diagnosis.shown.findings))
    assert [suspect.name for suspect in report.diagnosis.suspects] == [first]


@pytest.mark.parametrize(
    ("name", "oracle"),
    [
        ("written into zeros", "complex step"),
        ("characters, one function", "complex step"),
        ("batch norm", "central differences"),
        ("float32 inside", "central differences in float32"),
        ("float32 in torch", "autograd in float32"),
    ],
)
def test_oracle_of_a_family(name: str, oracle: str) -> None:
    factory = load(FAMILIES[name])
    result = check(FAMILIES[name], dict.fromkeys(factory.size_names, 3), seed=1)
    assert (result.verdict, result.oracle) == ("right", oracle), str(result)


@pytest.mark.parametrize("factor", [1.0, 1e-9])
def test_part_that_is_not_analytic_refutes_the_complex_step_however_small(factor: float) -> None:
    def problem(n, rng):
        return GradientProblem(
            {"w": rng.standard_normal(n)},
            lambda p: np.sin(p["w"]).sum() + factor * np.abs(p["w"]).sum(),
            lambda p: {"w": np.cos(p["w"]) + factor * np.sign(p["w"])},
        )

    result = check(problem, {"n": 3})
    assert (result.verdict, result.oracle) == ("right", "central differences")
    assert any("complex step" in reason for reason in result.rejected)


def test_detached_part_too_small_for_a_direction_is_found_in_its_entry() -> None:
    def problem(n, rng):
        large = torch.tensor(np.append(np.full(n, 1e5), 1.0))

        def loss(p):
            x = p["x"]
            return (large * x.sin()).sum() + (x * x.detach())[-1]

        def gradient(p):
            x = p["x"]
            last = torch.zeros_like(x)
            last[-1] = 2 * x[-1]
            return {"x": large * x.cos() + last}

        return GradientProblem({"x": torch.tensor(rng.standard_normal(n + 1))}, loss, gradient)

    result = check(problem, {"n": 2})
    assert result.verdict == "right", str(result)


def test_code_that_refuses_disturbed_arrays_gets_a_verdict_all_the_same() -> None:
    def problem_of(factor):
        def problem(n, rng):
            def strict(p):
                if any(type(value) is not np.ndarray for value in p.values()):
                    raise TypeError("plain arrays only")

            def loss(p):
                strict(p)
                return (p["w"] ** 3).sum()

            def gradient(p):
                strict(p)
                return {"w": factor * 3 * p["w"] ** 2}

            return GradientProblem({"w": rng.standard_normal(n)}, loss, gradient)

        return problem

    assert verify(problem_of(1.0), FEW).verdict == "right"
    assert verify(problem_of(1.0 + 1e-9), FEW).verdict == "wrong"


def test_buffers_are_converted_only_in_the_block_and_where_names_were_imported() -> None:
    def ours(n):
        return nothing(n), np.zeros(n), np.zeros(n, int)

    def ends_in_an_error() -> None:
        with buffers_converted(lambda a: a + 0j, ours):
            assert [part.dtype.kind for part in ours(2)] == ["c", "c", "i"]
            raise ZeroDivisionError

    before = np.zeros
    with pytest.raises(ZeroDivisionError):
        ends_in_an_error()
    assert np.zeros is before is nothing
    assert ours(2)[0].dtype == np.float64


@pytest.mark.parametrize(
    ("loss", "functions"),
    [
        (lambda p: np.abs(p["w"]).sum(), ["np.absolute"]),
        (lambda p: np.linalg.norm(p["w"]) ** 2, ["np.norm"]),
        (lambda p: p["w"].var(), ["np.var"]),
        (lambda p: (np.tanh(p["w"]) ** 2).sum(), []),
        (lambda p: np.abs(np.arange(3.0)).sum() * p["w"].sum(), []),
    ],
)
def test_functions_that_are_not_analytic_are_listed(loss, functions: list[str]) -> None:
    def problem(rng):
        return GradientProblem({"w": rng.standard_normal(3)}, loss, lambda p: p)

    evaluated = make(load(problem), Case({}), 10.0)
    assert not_analytic(evaluated.loss) == functions


def test_saturated_code_is_not_taken_for_float32() -> None:
    factory = load(FAMILIES["written into zeros"])
    for seed in range(200):
        evaluated = make(factory, Case({"T": 1 + seed % 4, "H": 1 + seed % 3}, seed, 10.0), 10.0)
        assert not loss_is_single(evaluated.loss, "float64", np.random.default_rng(seed))


@pytest.mark.parametrize(
    ("sizes", "seed"), [((4, 4, 4), 196786717), ((5, 4, 4), 1533122180), ((5, 5, 3), 342693115)]
)
def test_loss_of_a_probability_that_underflows_decides_nothing(sizes, seed: int) -> None:
    """The digits of a probability of 1e-310 are lost, and with them those of its logarithm."""
    named = dict(zip("NDV", sizes, strict=True))
    result = check(FAMILIES["classifier, one function"], named, seed=seed, scale=10)
    assert result.verdict != "wrong", str(result)
