"""PyTorch's own test inputs and error inputs for nn.RNN, with nn.RNN itself as the control."""

import copy
import pickle
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from tests.torch_impl.elman.layers import assert_near
from torch_impl import ElmanRNN

common = pytest.importorskip(
    "torch.testing._internal.common_modules", reason="needs expecttest", exc_type=ImportError
)
INFO = next(info for info in common.module_db if info.module_cls is nn.RNN)
KINDS = [nn.RNN, ElmanRNN]
# All of PyTorch's samples have two layers.
LAYERS = [2, 1]


def drawn(layers: int, dtype: torch.dtype = torch.float64) -> Iterator[tuple[dict, tuple]]:
    """Yield constructor arguments and forward arguments."""
    torch.manual_seed(0)
    for sample in INFO.module_inputs_func(
        INFO, "cpu", dtype, requires_grad=False, training=True, with_packed_sequence=True
    ):
        options = sample.constructor_input.kwargs | {"num_layers": layers, "dtype": dtype}
        input, *hx = sample.forward_input.args  # noqa: A001
        yield options, (input, *(value[: len(value) // 2 * layers] for value in hx))


def built(kind: type[nn.RNN], options: dict) -> nn.RNN:
    torch.manual_seed(1)
    return kind(**options)


def tensors(result: Any) -> list[Tensor]:
    output, h_n = result
    return [output.data if isinstance(output, PackedSequence) else output, h_n]


def function_of(layer: nn.RNN, arguments: tuple) -> tuple[Callable, list[Tensor]]:
    """Return the layer as a function of its differentiable tensors, and those tensors."""
    input, *hx = arguments  # noqa: A001
    packed = isinstance(input, PackedSequence)
    names = [name for name, _ in layer.named_parameters()]

    def function(data: Tensor, *others: Tensor) -> tuple[Tensor, ...]:
        first = input._replace(data=data) if packed else data
        weights = dict(zip(names, others[len(hx) :], strict=True))
        call = (first, *others[: len(hx)])
        return tuple(tensors(torch.func.functional_call(layer, weights, call)))

    leaves = [input.data if packed else input, *hx, *layer.parameters()]
    return function, [leaf.detach().clone().requires_grad_() for leaf in leaves]


def assert_all_near(got: list[Tensor], expected: list[Tensor]) -> None:
    __tracebackhide__ = True
    for number, (mine, right) in enumerate(zip(got, expected, strict=True)):
        assert_near(mine.detach(), right.detach(), f"tensor {number}")


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("layers", LAYERS)
def test_results_and_gradients_are_nn_rnns(layers: int, dtype: torch.dtype) -> None:
    count = 0
    for options, arguments in drawn(layers, dtype):
        found = []
        for kind in KINDS:
            function, leaves = function_of(built(kind, options), arguments)
            results = function(*leaves)
            total = torch.stack([value.square().sum() for value in results]).sum()
            found.append([*results, *torch.autograd.grad(total, leaves)])
        assert_all_near(found[1], found[0])
        count += 1
    assert count == 64


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", LAYERS)
def test_gradients_of_both_orders_are_right(kind: type[nn.RNN], layers: int) -> None:
    for number, (options, arguments) in enumerate(drawn(layers)):
        if number % (4 if kind is ElmanRNN else 16) == 0:
            function, leaves = function_of(built(kind, options), arguments)
            torch.autograd.gradcheck(function, leaves, check_batched_grad=True, fast_mode=True)
            torch.autograd.gradgradcheck(function, leaves, fast_mode=True)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("layers", LAYERS)
def test_each_frozen_weight_gets_no_gradient(kind: type[nn.RNN], layers: int) -> None:
    for options, arguments in list(drawn(layers))[:: 7 if layers == 2 else 3]:
        layer = built(kind, options)
        for name, frozen in layer.named_parameters():
            layer.zero_grad()
            frozen.requires_grad_(False)
            torch.cat([value.flatten() for value in tensors(layer(*arguments))]).sum().backward()
            without = [other for other, weight in layer.named_parameters() if weight.grad is None]
            assert without == [name]
            frozen.requires_grad_(True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_without_a_batch_is_one_with_a_batch_of_one(kind: type[nn.RNN]) -> None:
    for layers in LAYERS:
        for options, (input, *hx) in drawn(layers):  # noqa: A001
            if isinstance(input, PackedSequence):
                continue
            layer, dim = built(kind, options), 0 if options["batch_first"] else 1
            output, h_n = layer(input.unsqueeze(dim), *(value.unsqueeze(1) for value in hx))
            assert_all_near(tensors(layer(input, *hx)), [output.squeeze(dim), h_n.squeeze(1)])


@pytest.mark.parametrize("kind", KINDS)
def test_copies_states_and_moves_keep_what_is_computed(kind: type[nn.RNN]) -> None:
    for layers in LAYERS:
        for options, arguments in list(drawn(layers))[::3]:
            layer = built(kind, options)
            expected = tensors(layer(*arguments))
            empty = kind(**options, device="meta").to_empty(device="cpu")
            empty.load_state_dict(layer.state_dict())
            twins = [copy.deepcopy(layer), pickle.loads(pickle.dumps(layer)), empty]
            twins.append(copy.deepcopy(layer).to(torch.float32).to(torch.float64))
            twins.append(copy.deepcopy(layer).eval())
            for number, twin in enumerate(twins):
                assert type(twin) is kind
                assert repr(twin) == repr(layer)
                if number != 3:  # which has lost digits
                    assert_all_near(tensors(twin(*arguments)), expected)
                elif not isinstance(arguments[0], PackedSequence):
                    assert torch.allclose(twin(*arguments)[0], expected[0], atol=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_arguments_in_other_memory_are_the_same_arguments(kind: type[nn.RNN]) -> None:
    def elsewhere(value: Tensor) -> Tensor:
        return torch.stack([value, -value], dim=-1)[..., 0]

    for layers in LAYERS:
        for options, arguments in list(drawn(layers))[::3]:
            if not isinstance(arguments[0], PackedSequence):
                layer = built(kind, options)
                moved = layer(*map(elsewhere, arguments))
                assert_all_near(tensors(moved), tensors(layer(*arguments)))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_errors_are_those_of_nn_rnn(kind: type[nn.RNN], dtype: torch.dtype) -> None:
    def attempt(constructed, called) -> None:
        kind(*constructed.args, **constructed.kwargs)(*called.args, **called.kwargs)

    samples = INFO.module_error_inputs_func(
        INFO, torch.device("cpu"), dtype, requires_grad=False, training=True
    )
    for sample in samples:
        arguments = sample.module_error_input
        with pytest.raises(sample.error_type, match=sample.error_regex):
            attempt(arguments.constructor_input, arguments.forward_input)
    assert len(samples) == 14


def test_it_has_all_that_nn_rnn_has() -> None:
    for options, _ in drawn(2):
        theirs, ours = (built(kind, options) for kind in KINDS)
        assert isinstance(ours, nn.RNN)
        assert repr(ours) == f"Elman{theirs!r}"
        assert set(vars(ours)) == set(vars(theirs))
        assert list(ours.state_dict()) == list(theirs.state_dict())
        assert [len(weights) for weights in ours.all_weights] == [
            len(weights) for weights in theirs.all_weights
        ]
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            assert torch.equal(a, b)  # the same draws
