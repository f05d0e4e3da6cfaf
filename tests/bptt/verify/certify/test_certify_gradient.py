"""A certificate says what is proved of anyone's gradient: right, wrong, or neither."""

from collections.abc import Callable
from dataclasses import replace
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt.errors import InputError
from bptt.verify import GradientProblem, certify_gradient

from ..checker.correct import FAMILIES
from .habits import HABITS
from .one_parameter import CUBE, of_one

EXAMPLES = Path(__file__).parents[4] / "examples"
OF_TORCH = {"batch norm in torch", "layer norm in torch", "detach", "float32 in torch",
            "leaf of a graph"}  # fmt: skip
Values = dict[str, Any]


def times(factor: float, problem: Callable[..., GradientProblem]) -> Callable[..., GradientProblem]:
    """Plant a factor in the gradient of the first parameter."""

    @wraps(problem)
    def wrong(rng: np.random.Generator, **sizes: int) -> GradientProblem:
        made = problem(rng=rng, **sizes)

        def gradient(p: Values) -> Values:
            computed = made.gradient(p)
            first = next(iter(computed))
            return computed | {first: computed[first] * factor}

        return replace(made, gradient=gradient)

    return wrong


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_examples_are_enclosed_within_1e_20_and_proved_right(name: str) -> None:
    certificate = certify_gradient(f"{EXAMPLES / name}.py:problem", {"T": 4, "H": 4})
    assert certificate.verdict == "proved right"
    assert certificate.exit_status == 0
    assert certificate.radius < 1e-60
    assert certificate.seconds < 10.0
    assert all(one.formula == 40.0 for one in certificate.parameters)
    assert 14.0 < certificate.digits < 16.5


@pytest.mark.parametrize("name", ["gru_with_a_bug", "lstm_with_a_bug"])
def test_bugs_of_the_examples_are_proved(name: str) -> None:
    certificate = certify_gradient(f"{EXAMPLES / name}.py:problem", {"T": 3, "H": 2})
    assert certificate.verdict == "proved wrong"
    assert certificate.exit_status == 1
    worst = certificate.wrong[0]
    assert worst.error > 1e-3
    assert abs(worst.computed - float(worst.expected)) > 1e-4


@pytest.mark.parametrize("name", sorted(FAMILIES.keys() - OF_TORCH))
def test_correct_gradients_of_all_habits_are_proved_right(name: str) -> None:
    certificate = certify_gradient(FAMILIES[name])
    assert certificate.verdict == "proved right", certificate
    assert all(one.formula is not None for one in certificate.parameters)
    assert any("float32" in note for note in certificate.notes) == name.startswith("float32")


@pytest.mark.parametrize("name", HABITS)
def test_other_shapes_of_code_are_proved_and_a_factor_in_them_refuted(name: str) -> None:
    certificate = certify_gradient(HABITS[name])
    assert certificate.verdict == "proved right", certificate
    assert not certificate.notes
    assert certify_gradient(times(1 + 1e-12, HABITS[name])).verdict == "proved wrong"


def test_functions_of_scipy_are_enclosed() -> None:
    special = pytest.importorskip("scipy.special")
    problem = of_one(
        lambda w: special.logsumexp(w) + special.expit(w).sum() + special.log_softmax(w)[0],
        lambda w: special.expit(w) * (1 - special.expit(w)) + np.eye(len(w))[0],
    )
    certificate = certify_gradient(problem)
    assert (certificate.verdict, certificate.parameters[0].formula) == ("proved right", 40.0)


@given(st.integers(2, 12), st.integers(0, 1000))
@settings(max_examples=12)
def test_planted_factor_is_proved_to_its_size(exponent: int, seed: int) -> None:
    certificate = certify_gradient(times(1 + 10.0**-exponent, CUBE), {"n": 3}, seed=seed)
    assert certificate.verdict == "proved wrong"
    (one,) = certificate.parameters
    assert one.formula == pytest.approx(exponent, abs=0.01)
    assert certificate.wrong[0].error == pytest.approx(10.0**-exponent, rel=0.01)


def test_rounding_is_not_taken_for_an_error_of_the_formula() -> None:
    inexact = of_one(lambda w: w.sum() / 3, lambda w: np.full_like(w, 1 / 3))
    certificate = certify_gradient(inexact)
    assert certificate.verdict == "proved right"
    assert 15.0 < (certificate.parameters[0].formula or 0.0) < 17.0
    cancelling = of_one(
        lambda w: (np.exp(w + 20) - np.exp(w)).sum(), lambda w: np.exp(w + 20) - np.exp(w)
    )
    assert certify_gradient(cancelling).verdict == "proved right"


def test_result_that_rounding_destroys_is_told_from_a_wrong_formula() -> None:
    lossy = of_one(lambda w: w.sum(), lambda w: (w + 1e12) - 1e12 - w + 1)
    certificate = certify_gradient(lossy)
    assert (certificate.verdict, certificate.exit_status) == ("proved inaccurate", 1)
    assert certificate.parameters[0].formula == 40.0
    assert certificate.digits < 6.0


def test_digits_asked_for_are_the_tolerance() -> None:
    slightly = times(1 + 1e-6, CUBE)
    assert certify_gradient(slightly, digits=5).verdict == "proved right"
    assert certify_gradient(slightly, digits=7).verdict == "proved wrong"
    assert certify_gradient(CUBE, digits=17).verdict == "proved inaccurate"


def test_float32_parameters_are_exact_numbers() -> None:
    at = np.array([0.1, 0.7], np.float32)
    certificate = certify_gradient(of_one(lambda w: np.sin(w).sum(), np.cos, at))
    assert certificate.verdict == "proved right"
    assert certificate.parameters[0].formula == 40.0
    assert 6.0 < certificate.digits < 9.0


def relu(w: Any) -> Any:
    return np.maximum(w, 0).sum()


@pytest.mark.parametrize(
    ("loss", "gradient"),
    [
        (relu, lambda w: (w > 0) * 1.0),
        (lambda w: np.where(w > 0, w, 0.1 * w).sum(), lambda w: np.where(w > 0, 1.0, 0.1)),
        (lambda w: np.abs(w).sum(), np.sign),
        (lambda w: np.clip(w, 0, 1).sum(), lambda w: ((w > 0) & (w < 1)) * 1.0),
        (lambda w: np.sqrt(w**2).sum(), np.sign),
    ],
)
def test_kink_is_undecided_at_a_tie_and_proved_beside_it(
    loss: Callable[[Any], Any], gradient: Callable[[Any], Any]
) -> None:
    certificate = certify_gradient(of_one(loss, gradient, [0.0, -0.5, 0.25]))
    assert (certificate.verdict, certificate.exit_status) == ("undecided", 2)
    assert "test_certify_gradient.py, line" in str(certificate) or "enclosed" in str(certificate)
    beside = certify_gradient(of_one(loss, gradient, [1e-300, -0.5, 0.25]))
    assert beside.verdict == "proved right", beside


def test_one_sided_derivative_at_a_kink_is_not_proved_wrong_but_another_value_is() -> None:
    assert certify_gradient(of_one(relu, lambda w: w * 0 + 0.5, [0.0])).verdict == "undecided"
    assert certify_gradient(of_one(relu, lambda w: w * 0 + 1.5, [0.0])).verdict == "proved wrong"


def test_shift_of_a_softmax_at_a_tie_is_no_kink() -> None:
    def loss(w: Any) -> Any:
        return np.log(np.exp(w - w.max()).sum()) + w.max() - w[1]

    def gradient(w: Any) -> Any:
        e = np.exp(w - w.max())
        return e / e.sum() - np.eye(len(w))[1]

    certificate = certify_gradient(of_one(loss, gradient, np.zeros(3)))
    assert certificate.verdict == "proved right", certificate
    assert not certificate.notes


def test_undecided_comparison_says_where_and_more_bits_decide() -> None:
    close = of_one(
        lambda w: np.where(np.sqrt(w) ** 2 + 1e-200 > w, w, 2 * w).sum(), np.ones_like, [2.0]
    )
    assert certify_gradient(close).verdict == "proved right"
    with pytest.raises(
        InputError, match=r"undecided with 512 bits: a comparison.*certify_gradient"
    ):
        certify_gradient(close, most_bits=512)


def test_precision_is_doubled_until_a_chaotic_loss_is_enclosed() -> None:
    """Of the logistic map, each step takes a bit, in every precision."""

    def states(w: Any) -> list[Any]:
        found = [w]
        for _ in range(300):
            found.append(4 * found[-1] * (1 - found[-1]))
        return found

    def gradient(w: Any) -> Any:
        return np.prod([4 - 8 * state for state in states(w)[:-1]], axis=0)

    certificate = certify_gradient(of_one(lambda w: states(w)[-1].sum(), gradient, [0.3]))
    assert certificate.bits > 256
    assert certificate.verdict == "proved inaccurate"
    assert certificate.parameters[0].formula == 40.0


def test_gradient_that_no_ball_can_enter_is_judged_by_its_result() -> None:
    def by_inverse(w: Any) -> Any:
        return np.linalg.inv(np.diag(1 / (2 * w))) @ np.ones(len(w))

    right = certify_gradient(of_one(lambda w: (w**2).sum(), by_inverse))
    assert right.verdict == "proved right"
    assert right.parameters[0].formula is None
    assert "np.linalg.inv is not supported" in right.notes[0]
    wrong = certify_gradient(of_one(lambda w: (w**2).sum() * 1.001, by_inverse))
    assert wrong.verdict == "proved wrong"


def test_gradient_with_zeros_and_unused_parameters() -> None:
    def problem(n: int, rng: np.random.Generator) -> GradientProblem:
        drawn = {"w": rng.standard_normal(n), "unused": rng.standard_normal(n), "empty": np.ones(0)}
        return GradientProblem(
            drawn,
            lambda p: np.exp(p["w"]).sum() - p["w"].sum() + p["w"].sum(),
            lambda p: {"w": np.exp(p["w"]), "unused": None, "empty": np.zeros(0)},
        )

    certificate = certify_gradient(problem)
    assert certificate.verdict == "proved right"
    assert [one.computed for one in certificate.parameters[1:]] == [40.0, 40.0]
    assert np.isnan(certificate.parameters[1].own)


def test_parameter_without_influence_is_compared_with_the_whole_gradient() -> None:
    def problem(n: int, rng: np.random.Generator) -> GradientProblem:
        def loss(p: Values) -> Any:
            z = p["w"] + p["shift"]
            return 1e12 * (np.log(np.exp(z).sum()) - z[0])

        def gradient(p: Values) -> Values:
            e = np.exp(p["w"] + p["shift"])
            slope = 1e12 * (e / e.sum() - np.eye(n)[0])
            return {"w": slope, "shift": slope.sum() + 1e-5}  # 1e-5: rounding, at 1e12

        drawn = {"w": rng.standard_normal(n), "shift": np.array(0.3)}
        return GradientProblem(drawn, loss, gradient)

    certificate = certify_gradient(problem, {"n": 5})
    assert certificate.verdict == "proved right", certificate
    assert certificate.parameters[1].computed > 15.0
