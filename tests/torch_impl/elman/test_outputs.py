"""In-place changes between forward and backward give nn.RNN's results or its error.

Each use takes a layer and returns tensors to compare; ElmanRNN must raise where nn.RNN raises.
"""

import io
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from tests.torch_impl.elman.layers import assert_near
from torch_impl import ElmanRNN

T, B, I, H = 6, 3, 4, 5  # noqa: E741 - inputs
OPTIONS = {
    "steps first": {},
    "batch first": {"batch_first": True},
    "no bias": {"bias": False},
    "two layers": {"num_layers": 2},
}


def sequence(seed: int = 1) -> Tensor:
    """Return an input that serves as (T, B, I) and, for a batch_first layer, as (B, T, I)."""
    return torch.randn(T, B, I, generator=torch.Generator().manual_seed(seed))


def gradients(layer: nn.RNN, *others: Tensor) -> list[Tensor]:
    leaves = [*layer.parameters(), *others]
    return [leaf.grad.clone() for leaf in leaves if leaf.grad is not None]


def backward(layer: nn.RNN, output: Tensor, *others: Tensor) -> list[Tensor]:
    (output * torch.linspace(-1, 2, output.numel()).view(output.shape)).sum().backward()
    return gradients(layer, *others)


def last_state_changed_without_record(layer):
    output, h_n = layer(sequence())
    with torch.no_grad():
        h_n.mul_(-3)
    return [output.detach(), *backward(layer, output)]


def last_state_changed_by_its_data(layer):
    output, h_n = layer(sequence())
    h_n.data.fill_(7)
    return [output.detach(), *backward(layer, output)]


def last_state_changed_with_record(layer):
    output, h_n = layer(sequence())
    h_n[:, 0] = 2
    return backward(layer, h_n * output.sum())


def output_changed_without_record(layer):
    output, h_n = layer(sequence())
    with torch.no_grad():
        output[1:, 1] = 9
    return [h_n.detach(), *backward(layer, output + h_n.sum())]


def output_changed_by_its_data(layer):
    output, h_n = layer(sequence())
    output.data.zero_()
    return [h_n.detach(), *backward(layer, output)]


def output_changed_through_numpy(layer):
    output, h_n = layer(sequence())
    output.detach().numpy()[...] = 4
    return [h_n.detach(), *backward(layer, h_n)]


def output_changed_with_record(layer):
    output, h_n = layer(sequence())
    output.clamp_(min=0.1)
    output[0].mul_(3)
    return [h_n.detach(), *backward(layer, output)]


def output_masked_and_both_used(layer):
    output, h_n = layer(sequence())
    output.masked_fill_(output > 0.2, -1.0)
    return backward(layer, output + h_n.square().sum())


def without_gradients_both_changed(layer):
    with torch.no_grad():
        output, h_n = layer(sequence())
        before = h_n.clone()
        output.zero_()
        assert torch.equal(before, h_n)
        h_n.fill_(1)
    return [output, h_n, before]


def state_detached_in_place_and_carried(layer):
    h_n, found = None, []
    for seed in range(3):
        output, h_n = layer(sequence(seed), h_n)
        found += backward(layer, output)
        h_n.detach_()
    return found


def output_detached_in_place(layer):
    output, h_n = layer(sequence())
    total = h_n.sum() + output.sum()
    output.detach_()
    return [output, *backward(layer, total)]


def trained_vector_written_into_a_frozen_output(layer):
    with torch.no_grad():
        output, _ = layer(sequence())
    vector = torch.ones(H, requires_grad=True)
    output[:, 1] = vector
    output.mul_(vector)
    return backward(layer, output, vector)


def finished_sequences_start_again(layer):
    output, h_n = layer(sequence())
    total = output.sum()
    with torch.no_grad():
        h_n[:, 1] = 0
    output, _ = layer(sequence(2), h_n)
    return backward(layer, output + total)


def state_of_a_buffer_changed_before_backward(layer):
    state = torch.ones(layer.num_layers, T if layer.batch_first else B, H)
    output, _ = layer(sequence(), state)
    state.zero_()
    return backward(layer, output)


def input_changed_before_backward(layer):
    x = sequence()
    output, _ = layer(x)
    x.zero_()
    return backward(layer, output)


def recurrent_weight_changed_before_backward(layer):
    output, _ = layer(sequence())
    with torch.no_grad():
        layer.weight_hh_l0.mul_(2)
    return backward(layer, output)


def input_weight_changed_before_backward(layer):
    x = sequence().requires_grad_()
    output, _ = layer(x)
    with torch.no_grad():
        layer.weight_ih_l0.mul_(2)
    return backward(layer, output, x)


def bias_changed_before_backward(layer):
    output, _ = layer(sequence())
    with torch.no_grad():
        layer.get_parameter("bias_hh_l0" if layer.bias else "weight_ih_l0").add_(0)
    return backward(layer, output) if layer.bias else []


def weights_moved_before_backward(layer):
    x = sequence().requires_grad_()
    output, _ = layer(x)
    for weight in layer.parameters():
        weight.data = torch.zeros_like(weight)
    return backward(layer, output, x)


def weights_replaced_before_backward(layer):
    x = sequence().requires_grad_()
    output, _ = layer(x)
    old = layer.weight_hh_l0
    layer.weight_hh_l0 = nn.Parameter(torch.zeros(H, H))
    return [*backward(layer, output, x), old.grad]


def optimizer_step_between_two_losses(layer):
    output, _ = layer(sequence())
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    output.sum().backward(retain_graph=True)
    optimizer.step()
    return backward(layer, output)


def backward_twice_with_retained_graph(layer):
    output, h_n = layer(sequence())
    output.sum().backward(retain_graph=True)
    h_n.square().sum().backward()
    return gradients(layer)


def backward_twice_without(layer):
    output, h_n = layer(sequence())
    output.sum().backward()
    h_n.square().sum().backward()
    return gradients(layer)


def one_weight_for_both(layer):
    layer = type(layer)(H, H)
    layer.weight_hh_l0 = layer.weight_ih_l0
    return backward(layer, layer(torch.randn(T, B, H))[0])


def some_weights_frozen(layer):
    found = []
    for name, weight in layer.named_parameters():
        weight.requires_grad_(name in ("weight_ih_l0", "bias_hh_l0"))
    output, _ = layer(sequence())
    found += backward(layer, output)
    layer.requires_grad_(False)
    x = sequence().requires_grad_()
    return [*found, *backward(layer, layer(x)[0], x)]


USES = [use for use in list(globals().values()) if getattr(use, "__module__", "") == __name__]
USES = [
    use
    for use in USES
    if use.__code__.co_varnames[:1] == ("layer",) and use not in (gradients, backward)
]


def outcome(use: Callable, layer: nn.RNN) -> list[Tensor] | type[Exception]:
    torch.manual_seed(4)
    try:
        return use(layer)
    except RuntimeError as error:
        return type(error)


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_a_use_gives_what_nn_rnn_gives(use: Callable, options: dict) -> None:
    theirs, ours = nn.RNN(I, H, **options), ElmanRNN(I, H, **options)
    ours.load_state_dict(theirs.state_dict())
    expected, got = outcome(use, theirs), outcome(use, ours)
    if isinstance(expected, type):
        assert got is expected
        return
    assert not isinstance(got, type), got
    assert len(got) == len(expected)
    for number, (mine, right) in enumerate(zip(got, expected, strict=True)):
        assert_near(mine, right, f"tensor {number}")


def test_some_uses_are_errors_in_nn_rnn() -> None:
    refused = {use.__name__ for use in USES if isinstance(outcome(use, nn.RNN(I, H)), type)}
    assert refused == {
        "backward_twice_without",
        "input_changed_before_backward",
        "input_weight_changed_before_backward",
        "optimizer_step_between_two_losses",
        "recurrent_weight_changed_before_backward",
        "state_of_a_buffer_changed_before_backward",
    }


def test_outputs_and_gradients_share_no_memory() -> None:
    layer, x = ElmanRNN(I, H), sequence().requires_grad_()
    output, h_n = layer(x)
    (output.sum() + h_n.sum()).backward()
    tensors = [output, h_n, x.grad, *layer.parameters(), *(p.grad for p in layer.parameters())]
    assert len({t.untyped_storage().data_ptr() for t in tensors if t is not None}) == len(tensors)


def test_a_saved_last_state_is_small() -> None:
    for inference in (False, True):
        with torch.inference_mode(inference):
            _, h_n = ElmanRNN(I, H)(torch.randn(1000, B, I))
            file = io.BytesIO()
            torch.save(h_n.detach(), file)
        assert len(file.getvalue()) < 5000
