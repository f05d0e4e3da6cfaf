"""Unusual tensors give an error or the result of nn.RNN, never a crash."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.torch_impl.elman.layers import WAYS, assert_near
from torch_impl import ElmanPasses, ElmanRNN
from torch_impl.elman import operator, passes
from torch_impl.elman.computation import Computation
from torch_impl.elman.memory import readable

T, B, I, H = 5, 3, 4, 6  # noqa: E741 - inputs
WEIGHTS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")


@pytest.fixture(params=WAYS, ids=repr)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Computation:
    monkeypatch.setattr(operator, "choose", lambda like: request.param)
    monkeypatch.setattr(passes, "choose", lambda like: request.param)
    return request.param


def pair(**options) -> tuple[nn.RNN, ElmanRNN]:
    torch.manual_seed(5)
    theirs, ours = nn.RNN(I, H, **options), ElmanRNN(I, H, **options)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def shrink(tensor: Tensor, size: int) -> None:
    tensor.data.untyped_storage().resize_(size)


@pytest.mark.parametrize("size", [0, 8])
@pytest.mark.parametrize("name", ["input", "hx", *WEIGHTS])
def test_a_storage_too_small_is_an_error_in_forward(way, name: str, size: int) -> None:
    _, ours = pair()
    x, hx = torch.randn(T, B, I), torch.zeros(1, B, H)
    shrink({"input": x, "hx": hx, **dict(ours.named_parameters())}[name], size)
    with pytest.raises(RuntimeError, match=f"bytes, got one of {size}"):
        ours(x, hx)
    with pytest.raises(RuntimeError, match=f"bytes, got one of {size}"):
        ElmanPasses(ours).forward(x, hx)


@pytest.mark.parametrize("name", ["input", "hx", "weight_ih_l0", "weight_hh_l0", "gradient"])
def test_a_storage_made_smaller_later_is_an_error_in_backward(way, name: str) -> None:
    _, ours = pair()
    x, hx = torch.randn(T, B, I, requires_grad=True), torch.zeros(1, B, H)
    output, _ = ours(x, hx)
    gradient = torch.ones_like(output)
    given = {"input": x, "hx": hx, "gradient": gradient, **dict(ours.named_parameters())}
    shrink(given[name], 8)
    with pytest.raises(RuntimeError, match="bytes, got one of 8"):
        output.backward(gradient)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])  # compiled, torch's
@pytest.mark.parametrize("options", [{"num_layers": 2}, {"nonlinearity": "relu"}])
@pytest.mark.parametrize("name", ["input", "hx", *WEIGHTS])
def test_a_storage_too_small_is_an_error_in_any_configuration(dtype, options, name: str) -> None:
    _, ours = pair(**options, dtype=dtype)
    x, hx = torch.randn(T, B, I, dtype=dtype), torch.zeros(ours.num_layers, B, H, dtype=dtype)
    shrink({"input": x, "hx": hx, **dict(ours.named_parameters())}[name], 8)
    with pytest.raises(RuntimeError, match=r"bytes, got one of 8|bounds for storage of size 8"):
        ours(x, hx)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("place", range(4))
def test_a_swapped_weight_of_too_small_a_storage_is_an_error(dtype, place: int) -> None:
    _, layer = pair(dtype=dtype)
    ours: Any = layer
    ours._flat_weights[place] = ours._flat_weights[place].detach().clone()
    shrink(ours._flat_weights[place], 8)
    with pytest.raises(RuntimeError, match=r"bytes, got one of 8|bounds for storage of size 8"):
        ours(torch.randn(T, B, I, dtype=dtype))


def test_a_view_beyond_its_storage_is_an_error() -> None:
    x = torch.randn(B, T, 2 * I).transpose(0, 1)[..., ::2]
    shrink(x, 4 * (B * T * 2 * I - 2))
    with pytest.raises(RuntimeError, match="the view needs a storage of"):
        readable("the view", x, x, T, B, I)
    shrink(x, 4 * (B * T * 2 * I - 1))  # the last one is not in the view
    assert readable("the view", x, x, T, B, I).is_contiguous()


def expanded(weight: Tensor) -> Tensor:
    return weight[..., :1].expand(weight.shape)


def transposed(weight: Tensor) -> Tensor:
    return weight.t().contiguous().t()


def negated(weight: Tensor) -> Tensor:
    return torch.complex(weight, -weight).conj().imag


def strided(weight: Tensor) -> Tensor:
    return torch.stack([weight, weight], -1)[..., 1]


def within_a_larger_storage(weight: Tensor) -> Tensor:
    return torch.cat([weight.flatten(), weight.flatten()])[weight.numel() :].view(weight.shape)


def sparse(weight: Tensor) -> Tensor:
    return weight.to_sparse()


def in_other_precision(weight: Tensor) -> Tensor:
    return weight.double()


def without_values(weight: Tensor) -> Tensor:
    return weight.to("meta")


def one_for_all(weight: Tensor) -> Tensor:
    return weight.flatten()[:1]


def one_too_many(weight: Tensor) -> Tensor:
    return torch.cat([weight, weight[:1]])


def nothing(weight: Tensor) -> None:
    return None


CHANGES = [
    expanded, transposed, negated, strided, within_a_larger_storage, sparse, in_other_precision,
    without_values, one_for_all, one_too_many, nothing,
]  # fmt: skip


ODD_ERRORS = TypeError, ValueError, AttributeError, LookupError, AssertionError


def outcome(layer: nn.RNN, x: Tensor, hx: Tensor | None) -> list[Tensor] | type[Exception]:
    x = x.clone().requires_grad_()
    try:
        output, h_n = layer(x, hx)
        (output.square().sum() + h_n.sum()).backward()
    except (RuntimeError, *ODD_ERRORS) as error:
        return type(error)
    gradients = [x.grad, *(weight.grad for weight in layer.parameters())]
    return [output.detach(), *(g for g in gradients if g is not None)]


def assert_same(got: list[Tensor] | type, expected: list[Tensor] | type) -> None:
    __tracebackhide__ = True
    if isinstance(got, type) or isinstance(expected, type):
        assert got == expected
        return
    for number, (mine, right) in enumerate(zip(got, expected, strict=True)):
        assert_near(mine, right, f"tensor {number}")


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", WEIGHTS)
def test_an_odd_weight_gives_what_nn_rnn_gives(name: str, change: Callable) -> None:
    if name.startswith("bias") and change is transposed:
        return
    outcomes = []
    for layer in pair():
        changed = change(layer.get_parameter(name).detach())
        setattr(layer, name, None if changed is None else nn.Parameter(changed))
        outcomes.append(outcome(layer, torch.ones(T, B, I), None))
    assert_same(outcomes[1], outcomes[0])


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
@pytest.mark.parametrize("name", ["input", "hx"])
def test_an_odd_input_gives_what_nn_rnn_gives(name: str, change: Callable) -> None:
    if change is transposed:
        return
    outcomes = []
    for layer in pair():
        given = {"input": torch.linspace(-1, 1, T * B * I).view(T, B, I), "hx": torch.rand(1, B, H)}
        given["hx"] = torch.linspace(-1, 1, B * H).view(1, B, H)
        if change is not nothing or name == "hx":
            given[name] = change(given[name])
        outcomes.append(outcome(layer, given["input"], given["hx"]))
    assert_same(outcomes[1], outcomes[0])


def swapping(kind: Any) -> type:
    class Layer(kind):
        def forward(self, *arguments):
            kept = self._flat_weights  # as programs do that drop out recurrent weights
            self._flat_weights = [w * 0.5 if w.shape == (H, H) else w for w in kept]
            try:
                return super().forward(*arguments)
            finally:
                self._flat_weights = kept

    return Layer


@pytest.mark.parametrize("how", ["swapped", "one set", "all lost", "a parameter replaced"])
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True, "bias": False}])
def test_flat_weights_are_what_is_computed_with(how: str, options: dict) -> None:
    outcomes, flat = [], []
    layers: Any = pair(**options)
    for layer in layers:
        if how == "swapped":
            layer.__class__ = swapping(type(layer))
        elif how == "one set":
            layer._flat_weights[1] = layer._flat_weights[1] * 2
        elif how == "all lost":
            layer._flat_weights = []
        else:
            layer._parameters["weight_hh_l0"] = nn.Parameter(torch.ones(H, H))
        outcomes.append(outcome(layer, torch.ones(T, B, I), None))
        flat.append([one.detach() for one in layer._flat_weights])
    assert_same(outcomes[1], outcomes[0])
    assert_same(flat[1], flat[0])


OTHERS: dict[str, Any] = {
    "check_forward_args": lambda *arguments: {}["a check of the user's"],
    "check_input": lambda *arguments: {}["a check of the user's"],
    "get_expected_hidden_size": lambda *arguments: (1, 2, 3),
    "permute_hidden": lambda *arguments: arguments[-2] * 2,
    "_update_flat_weights": lambda *arguments: {}["weights of the user's"],
    "mode": "FOO",
    "num_layers": 1,
    "dropout": None,
    "bidirectional": True,
    "proj_size": 2,
}


@pytest.mark.parametrize("of_class", [False, True])
@pytest.mark.parametrize("name", OTHERS)
def test_what_a_user_overrides_is_used_as_in_nn_rnn(name: str, of_class: bool) -> None:
    outcomes = []
    layers: Any = pair(num_layers=2)
    for layer in layers:
        if of_class and callable(OTHERS[name]):
            layer.__class__ = type("Layer", (type(layer),), {name: OTHERS[name]})
        else:
            setattr(layer, name, OTHERS[name])
        outcomes.append(outcome(layer, torch.ones(T, B, I), torch.ones(2, B, H)))
    assert_same(outcomes[1], outcomes[0])


def test_zeros_without_memory_are_zeros(way: Computation) -> None:
    zeros = torch.ops.aten._efficientzerotensor((T, B, I))
    theirs, ours = pair()
    assert_near(ours(zeros)[0].detach(), theirs(torch.zeros(T, B, I))[0].detach(), "output")


def test_a_shared_first_state_gets_its_gradient() -> None:
    outcomes = []
    for layer in pair():
        start = torch.full((1, 1, H), 0.3, requires_grad=True)
        output, _ = layer(torch.ones(T, B, I), start.expand(1, B, H))
        outcomes.append(torch.autograd.grad(output.square().sum(), start)[0])
    assert_near(outcomes[1], outcomes[0], "gradient")


def test_a_default_device_does_not_reach_the_layer() -> None:
    _, ours = pair()
    torch.set_default_device("meta")
    try:
        output, _ = ours(torch.ones(T + 7, B, I, device="cpu"))
    finally:
        torch.set_default_device(None)
    assert output.device.type == "cpu"
