"""Arguments and outputs in lists, tuples and dicts, and the forms that gradients come in."""

from collections import namedtuple
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from bptt.errors import InputError
from bptt.verify import Settings, verify_backward
from bptt.verify.backward.nested import Arguments, flat
from bptt.verify.checker.calls import CaseError

from .functions import scaled

few = Settings(cases=8, budget=20.0)
quick = partial(verify_backward, race_seconds=0.0, dtypes=(), settings=few)
Pair = namedtuple("Pair", "h c")


def drawn(rng: np.random.Generator, N: int, D: int) -> tuple[np.ndarray, np.ndarray]:
    return rng.standard_normal(D), rng.standard_normal((N, D))


def loss(w: np.ndarray, x: np.ndarray) -> float:
    return 0.5 * ((x @ w) ** 2).sum()


def of_w(w: np.ndarray, x: np.ndarray) -> np.ndarray:
    return x.T @ (x @ w)


def of_x(w: np.ndarray, x: np.ndarray) -> np.ndarray:
    return np.outer(x @ w, w)


@pytest.mark.parametrize("factor", [1.0, 1.001])
@pytest.mark.parametrize(
    "form",
    [
        lambda value, w, x: (value, w, x),
        lambda value, w, x: (value, (w, x)),
        lambda value, w, x: (np.array([value]), [w, x]),
        lambda value, w, x: (value, {"dx": x, "dw": w}),
        lambda value, w, x: (value, {"grad_w": w, "x": x}),
        lambda value, w, x: (value, {"w_grad": w, "d_x": x}),
    ],
)
def test_loss_and_gradients_come_in_many_forms(form: Any, factor: float) -> None:
    def function(w, x):
        return form(loss(w, x), factor * of_w(w, x), of_x(w, x))

    report = quick(function, drawn)
    assert report.verdict == ("right" if factor == 1 else "wrong")
    if factor != 1:
        assert report.diagnosis is not None
        assert report.diagnosis.names == ["w"]


@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_constants_are_left_out_by_wrt(factor: float) -> None:
    def function(w, x):
        return loss(w, x), factor * of_w(w, x)

    report = quick(function, drawn)
    assert report.exit_status == 1
    assert report.smallest is not None
    assert "wrt=['w']" in report.smallest.message
    assert quick(function, drawn, wrt=["w"]).verdict == ("right" if factor == 1 else "wrong")


def test_wrt_takes_one_name() -> None:
    def function(weights, x):
        return loss(weights, x), of_w(weights, x)

    assert quick(function, drawn, wrt="weights").verdict == "right"


def test_wrt_names_an_input() -> None:
    with pytest.raises(InputError, match=r"wrt: expected names of inputs, w, x, got 'y'"):
        quick(lambda w, x: (loss(w, x), of_w(w, x)), drawn, wrt=["y"])


def test_none_for_an_input_that_matters_is_said() -> None:
    def backward(up, w, x):
        return up * of_w(w, x), None

    report = quick(((lambda w, x: loss(w, x)), backward), drawn)
    (found,) = [check for check in report.checks if check.name == "gradients returned"]
    assert found.verdict == "failed"
    assert "depend on x, but the gradient is None" in found.message
    assert "wrt=['w']" in found.message

    report = quick(((lambda w, x: loss(w, 0 * x + 1)), lambda up, w, x: (
        up * of_w(w, 0 * x + 1), None)), drawn)  # fmt: skip
    (found,) = [check for check in report.checks if check.name == "gradients returned"]
    assert (report.verdict, found.verdict) == ("right", "passed")


def test_names_that_no_input_has_are_refused() -> None:
    report = quick((lambda *a: a[0] * 2, lambda up, *a: {"dz": up * 2}), lambda rng, N: (
        rng.standard_normal(N),))  # fmt: skip
    assert report.smallest is not None
    assert "of input 0 under these names" in report.smallest.message
    assert "got 'dz'" in report.smallest.message


def test_names_are_those_of_the_backward_pass_where_the_forward_pass_has_none() -> None:
    def forward(*arguments):
        return arguments[0] * 2

    pair = forward, (lambda up, x: {"dx": up * 2})
    assert quick(pair, lambda rng, N: rng.standard_normal(N)).verdict == "right"


def test_one_unknown_name_among_known_ones_is_refused() -> None:
    pair = (lambda x: x * 2), (lambda up, x: {"dx": up * 2, "dz": up})
    report = quick(pair, lambda rng, N: rng.standard_normal(N))
    assert report.smallest is not None
    assert "got 'dx', 'dz'" in report.smallest.message


def nested(rng: np.random.Generator, N: int, D: int) -> tuple[Any, ...]:
    def normal(*shape: int) -> np.ndarray:
        return rng.standard_normal(shape)

    return {"W": normal(D, D), "layers": [normal(D), Pair(normal(D), normal(D))]}, normal(N, D)


def network(p: Any, x: np.ndarray) -> dict[str, Any]:
    b, (h, c) = p["layers"]
    return {"out": np.tanh(x @ p["W"] + b * h), "rest": [c**2, x.sum()]}


@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_gradients_of_nested_arguments_have_their_form(factor: float) -> None:
    def backward(cotangents, p, x):
        b, (h, c) = p["layers"]
        d = cotangents[0] * (1 - np.tanh(x @ p["W"] + b * h) ** 2)
        layers = [d.sum(0) * h, Pair(d.sum(0) * b, factor * 2 * c * cotangents[1])]
        return {"W": x.T @ d, "layers": layers}, d @ p["W"].T + cotangents[2]

    report = quick((network, backward), nested)
    assert report.verdict == ("right" if factor == 1 else "wrong")
    if factor != 1:
        assert report.diagnosis is not None
        assert report.diagnosis.names == ["p['layers'][1][1]"]


@pytest.mark.parametrize("factor", [1.0, 1.001])
def test_state_of_a_module_that_is_a_tuple_is_verified(factor: float) -> None:
    class Cell(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.cell = torch.nn.LSTMCell(3, 4)

        def forward(self, x, state):
            h, c = self.cell(x, state)
            return h.sum(), (h, scaled(c, factor))

    def inputs(rng, N):
        x, h, c = (torch.tensor(rng.standard_normal((N, size))) for size in (3, 4, 4))
        return x, (h, c)

    report = quick(Cell(), inputs, settings=Settings(cases=4, budget=5.0))
    assert {"state[0]", "state[1]"} <= set(report.results[0].findings)
    assert report.verdict == ("right" if factor == 1 else "wrong")


def test_outputs_are_flat_and_arguments_are_rebuilt() -> None:
    given = ({"a": [np.ones(2), 3], "b": (4, 5)}, Pair(np.zeros(1), None), "text")
    arguments = Arguments(given, ("p",))
    assert arguments.flat_names == ["p['a'][0]", "p['a'][1]", "p['b']", "input 1[0]",
                                    "input 1[1]", "input 2"]  # fmt: skip
    assert repr(arguments.given(arguments.values)) == repr(given)
    assert len(flat([given[0], given[1]])) == 6


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (([np.ones(2)], None), "of p[0], p[1], got 1"),
        (np.ones(2), "of p, x, got 1"),
        (({"W": 1}, 2), "of p[0], p[1] under these names"),
    ],
)
def test_gradients_of_another_form_are_refused(found: Any, said: str) -> None:
    arguments = Arguments(([np.ones(2), np.ones(3)], np.ones(4)), ("p", "x"))
    with pytest.raises(CaseError) as caught:
        arguments.flat_gradients(found, (0, 1, 2))
    assert said in caught.value.message


def test_a_list_of_parameters_alone_has_gradients_of_two_lengths() -> None:
    """[dW, db] may be the gradient of the first of two arguments, or those of both."""
    W, b = np.ones((2, 3)), np.ones(3)
    found = Arguments(([W, b], np.ones(4)), ("p", "x")).flat_gradients([2 * W, 3 * b], (0, 1))
    assert set(found) == {0, 1}
    np.testing.assert_array_equal(found[1], 3 * b)
    both = Arguments((W, b), ("W", "b")).flat_gradients([2 * W, 3 * b], (0, 1))
    np.testing.assert_array_equal(both[0], 2 * W)


def test_verify_backward_takes_wrt_of_a_container() -> None:
    report = verify_backward(
        lambda p, x: (loss(p["w"], x), {"w": of_w(p["w"], x)}),
        lambda rng, N, D: ({"w": rng.standard_normal(D)}, rng.standard_normal((N, D))),
        wrt=["p"],
        race_seconds=0.0,
        dtypes=(),
    )
    assert (report.verdict, report.exit_status) == ("right", 0)
