"""ElmanRNN compared with torch.nn.RNN, and under PyTorch's own checks of operators."""

import copy
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from tests.torch_impl.elman.layers import WAYS, Call, configurations
from torch_impl import ElmanRNN
from torch_impl.elman import choice, operator
from torch_impl.elman.compiled import CompiledLayer
from torch_impl.elman.computation import Computation, LayerInputs, LayerOptions
from torch_impl.elman.fallback import TorchLayer

ROOT = Path(__file__).parents[3]


@pytest.fixture(params=WAYS, ids=repr)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Computation:
    monkeypatch.setattr(operator, "choose", lambda like: request.param)
    return request.param


@given(configurations())
def test_layer_behaves_as_nn_rnn(configuration: dict) -> None:
    Call(configuration).compare()


@settings(max_examples=10)
@given(configurations())
def test_gradients_of_gradients_are_those_of_nn_rnn(configuration: dict) -> None:
    Call(configuration | {"dtype": torch.float64}).compare(order=2)


@pytest.mark.campaign
@pytest.mark.parametrize(("order", "examples"), [(1, 2000), (2, 200)])
def test_layer_behaves_as_nn_rnn_in_a_campaign(order: int, examples: int) -> None:
    @settings(max_examples=examples)
    @given(configurations())
    def check(c: dict) -> None:
        Call(c if order == 1 else c | {"dtype": torch.float64}).compare(order)

    check()


@given(configurations())
@settings(max_examples=20)
def test_compiled_code_computes_every_layer(configuration: dict) -> None:
    call = Call(configuration | {"way": CompiledLayer(1)})
    forward = nn.RNN.forward
    del nn.RNN.forward
    try:
        call.outcome(call.ours)
    finally:
        nn.RNN.forward = forward


SIZES = [[3, 2, 1], [2, 3, 1], [3, 3, 0], [3, 2], [3, 2, 2], [0], [], [-1, 7], [[3, 3]]]


@pytest.mark.parametrize("sizes", SIZES, ids=repr)
@pytest.mark.parametrize("dtype", [torch.int64, torch.int32])
def test_batch_sizes_that_nobody_packs_give_what_nn_rnn_gives(sizes: list, dtype) -> None:
    theirs, ours = nn.RNN(3, 4), ElmanRNN(3, 4)
    ours.load_state_dict(theirs.state_dict())
    packed = PackedSequence(torch.ones(6, 3), torch.tensor(sizes, dtype=dtype))
    found = []
    for layer in (theirs, ours):
        try:
            output, h_n = layer(packed)
            found.append([output.data.detach(), h_n.detach()])
        except (RuntimeError, ValueError, IndexError, TypeError) as error:
            found.append((type(error), str(error)))
    if isinstance(found[0], tuple):
        assert found[0] == found[1]
    else:
        torch.testing.assert_close(found[1], found[0])


def test_kernels_refuse_rows_that_are_not_those_of_the_batch_sizes() -> None:
    layer_inputs = LayerInputs(torch.ones(5, 3), None, torch.ones(4, 3), torch.ones(4, 4))
    with pytest.raises(RuntimeError, match="expected 6 rows, as batch_sizes has, got 5"):
        CompiledLayer(1).forward(
            torch.ones(5, 4), torch.ones(1, 3, 4), layer_inputs, LayerOptions((3, 2, 1))
        )


def operands(H: int = 5, B: int = 3, T: int = 4, indices: bool = False) -> list[Tensor]:
    torch.manual_seed(0)
    shapes = ((B, H), (H, 2), (H, H), (H,), (H,))
    x = torch.randint(2, (T, B)) if indices else torch.randn(T, B, 2, dtype=torch.float64)
    rest = [torch.randn(*shape, dtype=torch.float64) for shape in shapes]
    return [value.requires_grad_(value.is_floating_point()) for value in (x, *rest)]


@pytest.mark.parametrize("B", [1, 3, 6])
@pytest.mark.parametrize("indices", [False, True])
def test_gradcheck(way: Computation, indices: bool, B: int) -> None:
    assert torch.autograd.gradcheck(operator.elman, operands(B=B, indices=indices))


@pytest.mark.parametrize("indices", [False, True])
def test_opcheck(way: Computation, indices: bool) -> None:
    torch.library.opcheck(operator.elman, tuple(operands(indices=indices)))
    *given_, bias_ih, bias_hh = [value.detach() for value in operands(indices=indices)]
    states, last = operator.elman(*given_, bias_ih, bias_hh)
    above, wanted = (torch.ones_like(states), torch.ones_like(last)), [not indices] + [True] * 4
    torch.library.opcheck(operator.elman_backward, (*above, states, *given_, wanted))
    torch.library.opcheck(operator.elman_backward, (above[0], None, states, *given_, wanted))


@pytest.mark.parametrize("indices", [False, True])
def test_gradients_of_gradients_are_right(way: Computation, indices: bool) -> None:
    assert torch.autograd.gradgradcheck(operator.elman, operands(B=2, T=3, indices=indices))


def test_same_seed_gives_nn_rnns_weights_and_state_dicts_interchange() -> None:
    torch.manual_seed(3)
    theirs = nn.RNN(4, 6)
    torch.manual_seed(3)
    ours = ElmanRNN(4, 6)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value)
    theirs.load_state_dict(ElmanRNN(4, 6).state_dict())


def test_copies_and_pickles_compute_the_same() -> None:
    layer, x = ElmanRNN(3, 5, batch_first=True), torch.randn(2, 4, 3)
    for twin in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(twin(x)[0], layer(x)[0])
        assert repr(twin) == repr(layer) == "ElmanRNN(3, 5, batch_first=True)"


def test_an_optimizer_trains_it() -> None:
    torch.manual_seed(0)
    layer, x, goal = ElmanRNN(3, 8), torch.randn(5, 4, 3), torch.rand(5, 4, 8) - 0.5
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (layer(x)[0] - goal).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 3


def test_compiled_graphs_hold_it_as_one_operator() -> None:
    layer, x = ElmanRNN(3, 5), torch.randn(4, 2, 3)
    torch._dynamo.reset()
    # Without this option torch.compile excludes every nn.RNN, and so this one, from its graphs.
    with torch._dynamo.config.patch(allow_rnn=True):
        compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
        output, _ = compiled(x)
    output.square().sum().backward()
    got = [p.grad.clone() for p in layer.parameters() if p.grad is not None]
    layer.zero_grad()
    layer(x)[0].square().sum().backward()
    assert len(got) == 4
    for a, b in zip(got, layer.parameters(), strict=True):
        assert b.grad is not None
        assert torch.equal(a, b.grad)


class Held(nn.Module):
    def __init__(self, layer: nn.RNN) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, hx: Tensor):
        return self.layer(x, hx)


def scripted_subclass(kind: Any, own_forward: bool, held: bool) -> list[Tensor]:
    class Layer(kind):
        @torch.jit.export
        def doubled(self, x: Tensor):
            return x * 2

    class Other(Layer):
        def forward(self, x: Tensor, hx: Tensor):
            return self.doubled(x), hx

    torch.manual_seed(2)
    layer, x = (Other if own_forward else Layer)(3, 5), torch.ones(4, 2, 3)
    script: Any = torch.jit.script(Held(layer) if held else layer)
    return [*script(x, torch.ones(1, 2, 5)), (script.layer if held else script).doubled(x)]


@pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
@pytest.mark.parametrize("held", [False, True])
@pytest.mark.parametrize("own_forward", [False, True])
def test_a_scripted_subclass_keeps_its_methods(own_forward: bool, held: bool) -> None:
    found = [scripted_subclass(kind, own_forward, held) for kind in (nn.RNN, ElmanRNN)]
    torch.testing.assert_close(found[1], found[0])


def test_inference_and_frozen_weights_work() -> None:
    layer, x = ElmanRNN(3, 5), torch.randn(4, 2, 3)
    with torch.inference_mode():
        inferred = layer(x)[0]
    layer.weight_hh_l0.requires_grad_(False)
    output = layer(x)[0]
    output.sum().backward()
    assert torch.equal(inferred, output)
    assert layer.weight_hh_l0.grad is None
    assert layer.weight_ih_l0.grad is not None


def test_without_numba_torch_computes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    like = torch.zeros(1)
    assert isinstance(choice.choose(like), CompiledLayer)
    monkeypatch.setattr(choice, "HAS_NUMBA", False)
    assert isinstance(choice.choose(like), TorchLayer)


def test_other_float_types_are_computed_by_torch() -> None:
    for like in (torch.zeros(1, dtype=torch.bfloat16), torch.zeros(1, device="meta")):
        assert isinstance(choice.choose(like), TorchLayer)


def of_float64(*shape: int) -> Tensor:
    return torch.zeros(shape, dtype=torch.float64)


BAD_CALLS = [
    (torch.zeros(4, 2, 5), None),
    (of_float64(4, 2, 3), None),
    (torch.zeros(3), None),
    (torch.zeros(1, 1, 1, 3), None),
    (torch.zeros(0, 2, 3), None),
    (torch.zeros(4, 2, 3), torch.zeros(1, 3, 4)),
    (torch.zeros(4, 2, 3), torch.zeros(2, 4)),
    (torch.zeros(4, 3), torch.zeros(1, 1, 4)),
    (torch.zeros(4, 2, 3), of_float64(1, 2, 4)),
    (torch.zeros(4, 2, 3), torch.zeros(1, 2, 4).tolist()),
    (torch.zeros(2, 2, dtype=torch.bool), None),
    (torch.zeros(2, 2, 2, dtype=torch.int64), None),
    (torch.zeros(4, 2, 3).to_sparse(), None),
    (torch.zeros(4, 2, 3, device="meta"), None),
    ([1.0], None),
]


@pytest.mark.parametrize(("x", "hx"), BAD_CALLS)
def test_bad_calls_raise_what_nn_rnn_raises(x, hx) -> None:
    found = []
    for layer in (nn.RNN(3, 4), ElmanRNN(3, 4)):
        with pytest.raises((RuntimeError, ValueError, AttributeError, TypeError)) as info:
            layer(x, hx)
        found.append((info.type, str(info.value)))
    assert found[0] == found[1]


@pytest.mark.parametrize("index", [3, -1])
@pytest.mark.parametrize("num_layers", [1, 2])
def test_an_index_outside_is_an_index_error(index: int, num_layers: int) -> None:
    with pytest.raises(IndexError, match="index"):
        ElmanRNN(3, 4, num_layers)(torch.tensor([[index]]))


def test_nan_goes_through_as_in_nn_rnn(way: Computation) -> None:
    theirs, ours = nn.RNN(3, 20), ElmanRNN(3, 20)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(4, 2, 3)
    x[2, 1, 0] = torch.nan
    torch.testing.assert_close(ours(x)[0], theirs(x)[0], equal_nan=True, rtol=1e-5, atol=1e-5)


@pytest.mark.skipif(sys.platform != "linux", reason="needs mprotect")
def test_kernels_stay_within_their_tensors() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.torch_impl.elman.guard_pages"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done
    assert "no kernel read or wrote out of bounds" in done.stdout


@pytest.mark.parametrize("place", range(1, 5))
def test_weights_of_other_sizes_are_an_error_not_a_crash(way: Computation, place: int) -> None:
    given_ = [value.detach() for value in operands(H=64, B=2)]
    given_[place + 1 if place > 1 else place] = torch.zeros(3, 3, dtype=torch.float64)
    with pytest.raises(RuntimeError):
        operator.elman(*given_)
