"""ElmanPasses, which computes without autograd, compared with nn.RNN and autograd."""

import pytest
import torch
from hypothesis import given
from torch import Tensor, nn

from tests.torch_impl.elman.layers import WAYS, assert_near, configurations
from torch_impl import ElmanGradients, ElmanPasses, ElmanRNN
from torch_impl.elman import passes
from torch_impl.elman.computation import Computation


@pytest.fixture(params=WAYS, ids=repr)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Computation:
    monkeypatch.setattr(passes, "choose", lambda like: request.param)
    return request.param


@given(configurations())
def test_passes_are_nn_rnns_with_autograd(c: dict) -> None:
    torch.manual_seed(c["seed"])
    options = {name: c[name] for name in ("bias", "batch_first", "dtype", "nonlinearity")}
    theirs, ours = nn.RNN(c["I"], c["H"], **options), ElmanRNN(c["I"], c["H"], **options)
    ours.load_state_dict(theirs.state_dict())
    sizes = [c["B"], c["T"]] if c["batch_first"] else [c["T"], c["B"]]
    sizes = sizes if c["batched"] else [c["T"]]
    x = torch.randn(*sizes, c["I"], dtype=c["dtype"])
    if not c["contiguous"]:
        x = torch.randn(*sizes[:-1], c["I"], sizes[-1], dtype=c["dtype"]).transpose(-1, -2)
    symbols = torch.randint(c["I"], sizes)
    if c["indices"]:
        x = nn.functional.one_hot(symbols, c["I"]).to(c["dtype"])
    x.requires_grad_()
    hx = None
    if c["state"]:
        hx = torch.randn(1, *([c["B"]] if c["batched"] else []), c["H"], dtype=c["dtype"])
        hx.requires_grad_()
    output, h_n = theirs(x, hx)
    signals = torch.randn_like(output)
    if not c["contiguous"]:
        signals = torch.randn(*output.shape[:-1], 2 * c["H"], dtype=c["dtype"])[..., ::2]
    output.backward(signals)

    before = passes.choose
    passes.choose = lambda like: c["way"]
    try:
        by_hand = ElmanPasses(ours, input_gradient=c["input_gradient"])
        got_output, got_h_n = by_hand.forward(symbols if c["indices"] else x, hx)
        got = by_hand.backward(signals)
    finally:
        passes.choose = before
    assert_near(got_output, output.detach(), "output")
    assert_near(got_h_n, h_n.detach(), "h_n")
    expected = {"weight_ih": theirs.weight_ih_l0.grad, "weight_hh": theirs.weight_hh_l0.grad}
    if c["bias"]:
        expected["bias"] = theirs.bias_ih_l0.grad
    if c["input_gradient"] and not c["indices"]:
        expected["input"] = x.grad
    else:
        assert got.input is None
    if hx is not None:
        expected["hx"] = hx.grad
    else:
        assert got.hx is None
    for name, value in expected.items():
        assert isinstance(value, Tensor)
        assert_near(getattr(got, name), value, name)
    assert not any(value is not None and value.requires_grad for value in (got_output, *got))
    assert all(p.grad is None for p in ours.parameters())


def copied(gradients: ElmanGradients) -> list[Tensor]:
    return [value.clone() for value in gradients if value is not None]


def test_buffers_are_used_again_and_leave_no_trace(way: Computation) -> None:
    torch.manual_seed(0)
    layer = ElmanRNN(3, 20)
    x, other = torch.randn(6, 5, 3), 30 * torch.randn(6, 5, 3)
    signals = torch.randn(6, 5, 20)
    fresh = ElmanPasses(layer)
    right = [value.clone() for value in fresh.forward(x)], copied(fresh.backward(signals))
    used = ElmanPasses(layer)
    first = used.forward(other)[0]
    where = used.backward(1e6 * signals)
    again, last = used.forward(x)
    assert again is first
    assert torch.equal(again, right[0][0])
    assert torch.equal(last, right[0][1])
    assert used.backward(signals) is where
    for value, expected in zip(copied(where), right[1], strict=True):
        assert torch.equal(value, expected)


def test_another_size_gets_other_buffers(way: Computation) -> None:
    layer = ElmanRNN(3, 5)
    by_hand = ElmanPasses(layer)
    for T, B in ((4, 2), (1, 1), (2, 4)):
        x = torch.randn(T, B, 3)
        by_hand.forward(x)
        assert torch.allclose(by_hand.forward(x)[0], layer(x)[0], atol=1e-6)
        assert by_hand.backward(torch.ones(T, B, 5)).weight_hh.shape == (5, 5)


def test_weights_are_read_anew() -> None:
    layer, x = ElmanRNN(3, 5), torch.randn(4, 2, 3)
    by_hand = ElmanPasses(layer)
    by_hand.forward(x)
    with torch.no_grad():
        layer.weight_hh_l0.mul_(0.5)
    layer.weight_ih_l0 = nn.Parameter(torch.randn(5, 3))
    assert torch.allclose(by_hand.forward(x)[0], layer(x)[0], atol=1e-6)


def test_plain_gradient_descent_by_hand_learns() -> None:
    torch.manual_seed(0)
    layer, x, goal = ElmanRNN(3, 8), torch.randn(5, 4, 3), torch.rand(5, 4, 8) - 0.5
    by_hand = ElmanPasses(layer, input_gradient=False)
    losses = []
    for _ in range(200):
        output, _ = by_hand.forward(x)
        error = output - goal
        losses.append(error.square().mean().item())
        got = by_hand.backward(2 * error / error.numel())
        slopes = (got.weight_ih, got.weight_hh, got.bias, got.bias)
        with torch.no_grad():
            for weight, slope in zip(layer.parameters(), slopes, strict=True):
                weight.sub_(slope, alpha=2.0)
    assert losses[-1] < losses[0] / 3


def test_bad_calls_are_named() -> None:
    by_hand = ElmanPasses(ElmanRNN(3, 4))
    with pytest.raises(RuntimeError, match="needs a forward before it"):
        by_hand.backward(torch.zeros(2, 1, 4))
    with pytest.raises(RuntimeError, match="Expected 3, got 5"):
        by_hand.forward(torch.zeros(4, 2, 5))
    with pytest.raises(IndexError, match="index"):
        by_hand.forward(torch.tensor([[3]]))
    packed = nn.utils.rnn.pack_sequence([torch.zeros(2, 3)])
    with pytest.raises(
        NotImplementedError, match="takes tensors of the weights' dtype, got Packed"
    ):
        by_hand.forward(packed)  # pyright: ignore[reportArgumentType]
    by_hand.forward(torch.zeros(2, 1, 3))
    with pytest.raises(RuntimeError, match=r"output's shape \(2, 1, 4\), got \(2, 4\)"):
        by_hand.backward(torch.zeros(2, 4))
    with pytest.raises(ValueError, match=r"must be torch\.float32 as the output"):
        by_hand.backward(torch.zeros(2, 1, 4, dtype=torch.float64))


@pytest.mark.parametrize("more", [{"num_layers": 2}, {"bidirectional": True}])
def test_more_than_one_layer_or_direction_is_refused(more: dict) -> None:
    with pytest.raises(NotImplementedError, match="one layer, one direction, got Elman"):
        ElmanPasses(ElmanRNN(3, 4, **more))


def test_weights_go_by_their_names() -> None:
    layer, x = ElmanRNN(4, 4), torch.randn(5, 2, 4)
    expected = [value.clone() for value in ElmanPasses(layer).forward(x)]
    nn.utils.parametrizations.weight_norm(layer, "weight_ih_l0")
    nn.utils.parametrize.remove_parametrizations(layer, "weight_ih_l0")
    assert next(iter(layer.parameters())) is not layer.weight_ih_l0
    for value, right in zip(ElmanPasses(layer).forward(x), expected, strict=True):
        assert_near(value, right, "after a weight moved to the end")


def test_what_was_returned_can_be_given_back(way: Computation) -> None:
    layer, signals = ElmanRNN(4, 4), torch.randn(5, 2, 4)
    by_hand, fresh = ElmanPasses(layer), ElmanPasses(layer)
    output, last = by_hand.forward(torch.randn(5, 2, 4), torch.randn(1, 2, 4))
    right_output = fresh.forward(output.clone(), last.clone())[0]
    assert torch.equal(by_hand.forward(output, last)[0], right_output)
    got, right = copied(by_hand.backward(signals)), copied(fresh.backward(signals))
    assert all(torch.equal(a, b) for a, b in zip(got, right, strict=True))
