"""The hand-written gradients against oracles, within the derived bound on rounding.

Every test here runs on every engine: the reference, and the twin in both dtypes.
"""

import numpy as np
import torch
from hypothesis import assume, given

from bptt.verify.network import autograd, complex_step, differences
from bptt.verify.network.tolerances import FLOAT32, FLOAT64, error_bounds, largest_fraction_of_bound
from reference import Gradients, Parameters, forward
from torch_impl import convert

from ....engines import Engine, arrays, every_engine, tensors
from ....strategies import Case, cases


def assert_within_bounds(
    case: Case,
    engine: Engine,
    computed: Gradients,
    expected: Gradients,
    *,
    slopes: tuple[np.ndarray, np.ndarray] | None = None,
    cotangent: np.ndarray | None = None,
) -> None:
    """Fail unless computed and expected lie within both roundings of each other."""
    __tracebackhide__ = True
    bounds = error_bounds(*arrays(case), engine.precision, cotangent)
    oracle_bounds = error_bounds(*arrays(case), FLOAT64, cotangent)
    allowed = Gradients(
        *(a + b for a, b in zip(bounds.gradients, oracle_bounds.gradients, strict=True))
    )
    fractions = largest_fraction_of_bound(computed, expected, allowed)
    wrong = {name: fraction for name, fraction in fractions.items() if not fraction <= 1.0}
    assert not wrong, f"difference in multiples of the allowed: {wrong}, for {case}"
    if slopes is not None:
        difference = np.abs(slopes[0] - slopes[1])
        assert (difference <= bounds.initial_state + oracle_bounds.initial_state).all(), case


def draw(engine: Engine, case: Case) -> Case:
    case = engine.prepare(case)
    assume(not case.softmax_overflows)
    return case


@every_engine
@given(case=cases())
def test_running_clip_equals_the_fold_of_per_step_autograd_gradients(
    engine: Engine, case: Case
) -> None:
    case = draw(engine, case)
    computed, _ = engine.compute(case, case.clip, np.zeros((case.H, 1)))
    expected = autograd.clipped_gradient(*tensors(case), case.clip)
    assert_within_bounds(case, engine, computed, convert.to_reference(expected))


@every_engine
@given(case=cases())
def test_plain_gradient_and_state_slopes_equal_autograds(engine: Engine, case: Case) -> None:
    case = draw(engine, case)
    cotangent = case.final_cotangent if engine.has_slopes else np.zeros((case.H, 1))
    computed, slope = engine.compute(case, None, cotangent)
    expected, expected_slope = autograd.plain_gradient(*tensors(case), torch.from_numpy(cotangent))
    assert_within_bounds(
        case,
        engine,
        computed,
        convert.to_reference(expected),
        slopes=None if slope is None else (slope, convert.to_array(expected_slope)),
        cotangent=cotangent,
    )


@every_engine
@given(case=cases())
def test_plain_gradient_equals_that_of_pytorchs_modules(engine: Engine, case: Case) -> None:
    case = draw(engine, case)
    computed, _ = engine.compute(case, None, np.zeros((case.H, 1)))
    expected = autograd.module_gradient(*tensors(case))
    assert_within_bounds(case, engine, computed, convert.to_reference(expected))


@every_engine
@given(case=cases(max_size=4))
def test_running_clip_equals_the_fold_of_complex_steps(engine: Engine, case: Case) -> None:
    case = draw(engine, case)
    computed, _ = engine.compute(case, case.clip, np.zeros((case.H, 1)))
    contributions = complex_step.contributions(*arrays(case))
    assert_within_bounds(case, engine, computed, complex_step.fold(contributions, case.clip))


@every_engine
@given(case=cases(max_size=3, max_scale=1.0))
def test_plain_gradient_agrees_with_central_differences(engine: Engine, case: Case) -> None:
    case = draw(engine, case)
    computed, _ = engine.compute(case, None, np.zeros((case.H, 1)))

    def loss(parameters: Parameters) -> float:
        return float(forward(parameters, case.inputs, case.targets, case.state).loss)

    expected, errors = differences.plain_gradient(loss, case.parameters)
    bounds = error_bounds(*arrays(case), engine.precision).gradients
    # The errors of differences are estimates, which may fall short.
    allowed = Gradients(*(4.0 * a + b for a, b in zip(errors, bounds, strict=True)))
    fractions = largest_fraction_of_bound(computed, expected, allowed)
    assert max(fractions.values()) <= 1.0, (fractions, case)


@every_engine
@given(case=cases(max_size=12, max_scale=5.0))
def test_slope_along_a_random_direction_is_the_gradients(engine: Engine, case: Case) -> None:
    case = draw(engine, case)
    computed, _ = engine.compute(case, None, np.zeros((case.H, 1)))
    rng = np.random.default_rng(case.seed)
    direction = Parameters(*(rng.choice([-1.0, 1.0], value.shape) for value in case.parameters))
    slope = complex_step.directional_derivative(case.parameters, direction, *arrays(case)[1:])
    projected = sum(np.sum(a * b) for a, b in zip(computed, direction, strict=True))
    bounds = error_bounds(*arrays(case), engine.precision).gradients
    exact = error_bounds(*arrays(case), FLOAT64).gradients
    allowed = sum(float(bound.sum()) for bound in (*bounds, *exact))
    assert abs(projected - slope) <= allowed + 1e-13 * abs(slope), case


@every_engine
@given(case=cases())
def test_logit_gradients_of_a_step_sum_to_zero(engine: Engine, case: Case) -> None:
    case = draw(engine, case)
    computed, _ = engine.compute(case, None, np.zeros((case.H, 1)))
    assert abs(computed.by.sum()) <= 4 * engine.precision.unit * case.T * (case.V + 4)


@every_engine
@given(case=cases(max_scale=5.0))
def test_permuting_symbols_and_units_permutes_the_gradients(engine: Engine, case: Case) -> None:
    case = draw(engine, case)
    rng = np.random.default_rng(case.seed)
    symbols, units = rng.permutation(case.V), rng.permutation(case.H)

    def permute(values: Parameters) -> Parameters:
        Whx, Wha, Wya, bh, by = values
        return Parameters(
            Whx[np.ix_(units, symbols)],
            Wha[np.ix_(units, units)],
            Wya[np.ix_(symbols, units)],
            bh[units],
            by[symbols],
        )

    renamed = np.argsort(symbols)
    permuted = case.with_numbers(
        permute(case.parameters), renamed[case.inputs], renamed[case.targets], case.state[units]
    )
    zeros = np.zeros((case.H, 1))
    computed, slope = engine.compute(permuted, case.clip, zeros)
    expected, expected_slope = engine.compute(case, case.clip, zeros)
    bounds = error_bounds(*arrays(permuted), engine.precision)
    allowed = Gradients(*(2 * bound for bound in bounds.gradients))
    fractions = largest_fraction_of_bound(computed, permute(expected), allowed)
    assert max(fractions.values()) <= 1.0, (fractions, case)
    if slope is not None and expected_slope is not None:
        assert (np.abs(slope - expected_slope[units]) <= 2 * bounds.initial_state).all()


@every_engine
@given(case=cases(max_scale=5.0))
def test_running_clip_bounds_every_entry(engine: Engine, case: Case) -> None:
    case = draw(engine, case)
    assume(case.clip is not None)
    computed, _ = engine.compute(case, case.clip, np.zeros((case.H, 1)))
    bound = np.float32(case.clip) if engine.precision is FLOAT32 else case.clip
    assert all(np.abs(gradient).max() <= bound for gradient in computed)
