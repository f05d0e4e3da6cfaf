"""Every planted error is in the gradient that it names, and nowhere else."""

from collections import namedtuple
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bptt.verify.audit import structures
from bptt.verify.audit.interception import Interception
from bptt.verify.audit.named_functions import NamedFunctions, NotFoundError, redirect
from bptt.verify.audit.planted import ALL, FACTOR, GROSS, NOISE, NONE, SWAPPED, Plant, plant_into
from bptt.verify.audit.runners import FAILED, PASSED, SKIPPED, FunctionRunner, StartError

from . import audited
from .audited import numpy_tests

Pair = namedtuple("Pair", "dx dw")


@dataclass(frozen=True)
class Gradients:
    dx: np.ndarray
    dw: np.ndarray


def drawn(shape: tuple[int, ...], seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name in ("x", "weight", "bias")}


SHAPES = st.lists(st.integers(1, 4), max_size=3).map(tuple)


@given(SHAPES, st.integers(0, 99), st.sampled_from([*GROSS, FACTOR, NOISE]))
def test_planted_error_changes_what_it_names_and_is_the_same_in_numpy_and_torch(
    shape: tuple[int, ...], seed: int, error: str
) -> None:
    gradients = drawn(shape, seed)
    before = {name: value.copy() for name, value in gradients.items()}
    plant = Plant("f", "weight", error, 0.25)
    wrong = plant_into(gradients, plant)
    in_torch = plant_into({name: torch.tensor(one) for name, one in gradients.items()}, plant)

    np.testing.assert_equal(gradients, before)  # in no place is anything overwritten
    assert set(wrong) == set(in_torch) <= {"weight", "bias"}
    assert ("bias" in wrong) <= (error == SWAPPED)
    for name, value in wrong.items():
        if error == NONE:
            assert value is in_torch[name] is None
            continue
        assert not np.array_equal(value, before[name])
        assert value.shape == shape
        np.testing.assert_allclose(in_torch[name].numpy(), value, rtol=1e-12)
    always = {"zeros", "NaN", "wrong sign", SWAPPED, NONE, FACTOR, NOISE}
    assert wrong or error not in always


@pytest.mark.parametrize("dtype", ["float16", "float32", "complex128"])
def test_planted_error_keeps_the_dtype(dtype: str) -> None:
    for value in (np.ones((2, 2), dtype), torch.ones(2, 2, dtype=getattr(torch, dtype))):
        for error in ("zeros", "NaN", "one entry doubled", FACTOR, NOISE):
            wrong = plant_into({"x": value}, Plant("f", ALL, error, 0.5))
            assert wrong["x"].dtype == value.dtype


def test_factor_that_rounds_to_1_changes_nothing() -> None:
    value = torch.ones(3, dtype=torch.float32)
    assert plant_into({"x": value}, Plant("f", "x", FACTOR, 1e-9)) == {}


def test_errors_are_planted_under_vmap_where_values_cannot_be_read() -> None:
    planted = {}

    def backward(value: torch.Tensor) -> torch.Tensor:
        for error in ("zeros", "wrong sign", "one entry zero", FACTOR, NOISE, SWAPPED):
            planted[error] = plant_into({"x": value}, Plant("f", "x", error, 0.5))
        return planted[NOISE]["x"]

    noisy = torch.func.vmap(backward)(torch.ones(2, 3, dtype=torch.float64))
    assert (noisy != 1.0).all()
    assert planted.pop(SWAPPED) == {}  # with no other gradient
    assert all(planted.values())


def test_error_that_cannot_be_planted_is_recorded_and_the_gradient_left() -> None:
    interception = Interception()
    value = torch.ones(2).to(torch.float8_e5m2)  # torch can't multiply it
    backward = interception.wrapped("f", lambda: value, ["x"])
    interception.begin(Plant("f", "x", FACTOR, 0.5))
    assert backward() is value
    assert "not implemented" in interception.trouble
    assert not interception.has_changed


def test_one_wrong_entry_is_one_that_is_not_zero() -> None:
    value = np.zeros((4, 5))
    value[1, 2], value[3, 3], value[0, 0] = 3.0, -5.0, 0.1
    wrong = plant_into({"x": value}, Plant("f", "x", "one entry doubled"))["x"]
    assert list(zip(*np.nonzero(wrong != value), strict=True)) == [(1, 2)]


dx, dw = np.ones((2, 3)), np.full(3, 2.0)


@pytest.mark.parametrize(
    ("returned", "names"),
    [
        (dx, ["gradient"]),
        ((dx, dw), ["[0]", "[1]"]),
        ([dx, None, dw], ["[0]", "[2]"]),
        ({"dx": dx, "layers": [dw, {"w": dw}]}, ["dx", "layers[0]", "layers[1].w"]),
        (Pair(dx, dw), ["dx", "dw"]),
        (Gradients(dx, dw), ["dx", "dw"]),
        ((0.5, {"dx": dx}), ["dx"]),  # the first is the loss
        ((np.float64(0.5), dx, dw), ["[1]", "[2]"]),
        ((0.5, 0.25), ["[0]", "[1]"]),  # no loss beside arrays
        ((1, "text", dx.astype(int)), []),
    ],
)
def test_gradients_are_found_and_replaced_in_what_was_returned(returned, names) -> None:
    found = structures.gradients_in(returned, may_have_loss=True)
    assert list(found) == names
    new = structures.changed(returned, lambda name, value: -value, may_have_loss=True)
    assert type(new) is type(returned)
    after = structures.gradients_in(new, may_have_loss=True)
    for name in names:
        np.testing.assert_array_equal(after[name], -found[name])


def test_elements_of_a_tuple_are_named_after_the_inputs() -> None:
    assert list(structures.gradients_in((dx, None, dw), ("x", "beta", "w"))) == ["x", "w"]
    assert list(structures.gradients_in(dx, ("x",))) == ["x"]
    assert list(structures.gradients_in((0.5, dx), ("slope", "x"))) == ["slope", "x"]  # no loss


def test_redirected_function_is_another_by_all_its_names() -> None:
    def scaled_by(factor):
        def scaled(value, *, offset=1.0):
            return factor * value + offset

        return scaled

    function, other = scaled_by(2.0), scaled_by(2.0)
    table = [function]
    redirect(function, lambda original: lambda *a, **k: -original(*a, **k))
    assert table[0](3.0) == -7.0
    assert function(value=3.0, offset=0.0) == -6.0
    assert other(3.0) == 7.0


NUMPY = numpy_tests.__name__
FILE = str(Path(audited.__file__).with_name("numpy_tests.py"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("difference", "expected FILE.py:FUNCTION or MODULE:FUNCTION, got difference"),
        ("no_such_module:f", "can't import no_such_module"),
        ("nowhere.py:f", "there is no file nowhere.py"),
        (f"{FILE}:nothing", f"there is no nothing; {NUMPY} has .*Model, difference"),
        (f"{NUMPY}:Model.nothing", "there is no nothing"),
        (f"{NUMPY}:Model", "expected a function, got a class: name its method"),
        (f"{NUMPY}:__name__", "expected a function, got str"),
    ],
)
def test_name_that_leads_to_no_function_is_refused(name: str, said: str) -> None:
    with pytest.raises(NotFoundError, match=said):
        NamedFunctions([name], Interception()).attach()


def test_named_method_is_recorded_and_then_planted_into(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_tests.Model, "loss_and_gradients", lambda self: (0.5, {"x": dx}))
    interception = Interception()
    name = f"{FILE}:Model.loss_and_gradients"
    named = NamedFunctions([name], interception)
    named.attach()
    interception.test = "a test"
    model = numpy_tests.Model()
    assert model.loss_and_gradients() == (0.5, {"x": dx})
    seen = interception.observed[named.keys[name]]
    assert (seen.calls, seen.tests) == (1, ["a test"])
    assert seen.gradients == {"x": {"shape": [2, 3], "dtype": "float64"}}
    interception.begin(Plant(name, "x", "wrong sign"))
    loss, wrong = model.loss_and_gradients()
    assert loss == 0.5
    np.testing.assert_array_equal(wrong["x"], -dx)
    assert interception.has_changed
    interception.begin(Plant("another", "x", "wrong sign"))
    assert model.loss_and_gradients()[1]["x"] is dx
    assert not interception.has_changed


def test_plain_function_is_run_as_a_test(monkeypatch: pytest.MonkeyPatch) -> None:
    runner = FunctionRunner(f"{NUMPY}:test_relative_error")
    assert runner.run(runner.names[0]) == (PASSED, "")

    def skipped() -> None:
        pytest.skip("no GPU")

    monkeypatch.setattr(runner, "function", skipped)
    assert runner.run("")[0] == SKIPPED
    monkeypatch.setattr(runner, "function", lambda: 1 / 0)
    assert runner.run("") == (FAILED, "ZeroDivisionError: division by zero")
    with pytest.raises(StartError, match="has no function nothing"):
        FunctionRunner(f"{NUMPY}:nothing")
    with pytest.raises(StartError, match="no_such_module can't be imported"):
        FunctionRunner("no_such_module:f")
