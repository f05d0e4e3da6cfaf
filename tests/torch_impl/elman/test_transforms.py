"""ElmanRNN under torch's transforms, hooks and tracers: as nn.RNN, or right where that fails."""

import io
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.autograd import forward_ad
from torch.func import (
    functional_call,
    grad,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    stack_module_state,
    vjp,
    vmap,
)
from torch.nn.utils import parametrizations, prune
from torch.utils.checkpoint import checkpoint
from torch.utils.flop_counter import FlopCounterMode

from tests.torch_impl.elman.layers import assert_near
from torch_impl import ElmanRNN

# torch itself uses what it warns of, for forward mode.
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")
T, B, I, H = 4, 3, 2, 5  # noqa: E741 - inputs
DOUBLE = torch.float64


def numbers(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(seed))


def pair(**options) -> tuple[nn.RNN, ElmanRNN]:
    torch.manual_seed(2)
    theirs = nn.RNN(I, H, dtype=DOUBLE, **options)
    ours = ElmanRNN(I, H, dtype=DOUBLE, **options)
    ours.load_state_dict(theirs.state_dict())
    return theirs, ours


def loss_of(layer: nn.RNN) -> Callable[[Tensor], Tensor]:
    def loss(x: Tensor) -> Tensor:
        output, h_n = layer(x)
        return output.pow(3).sum() + h_n.sum()

    return loss


def penalty(layer: nn.RNN) -> list[Tensor]:
    """Return the gradients of a gradient penalty through two windows that carry the state."""
    x = numbers(T, B, I).requires_grad_()
    output, h_n = layer(x)
    output, h_n = layer(x.flip(0), h_n)
    total = output.square().sum() + h_n.sum()
    leaves = [x, layer.get_parameter("weight_hh_l0")]
    slopes = torch.autograd.grad(total, leaves, create_graph=True)
    torch.stack([slope.square().sum() for slope in slopes]).sum().backward()
    gradients = [x.grad, *(weight.grad for weight in layer.parameters())]
    return [value for value in gradients if value is not None]


def batched_gradients(layer: nn.RNN) -> Tensor:
    x = numbers(T, B, I).requires_grad_()
    output, h_n = layer(x)
    seeds = numbers(7, *output.shape), numbers(7, *h_n.shape)
    return torch.autograd.grad((output, h_n), x, seeds, is_grads_batched=True)[0]


def in_forward_mode(layer: nn.RNN) -> Tensor:
    with forward_ad.dual_level():
        output, _ = layer(forward_ad.make_dual(numbers(T, B, I), numbers(T, B, I, seed=2)))
        tangent = forward_ad.unpack_dual(output).tangent
    assert tangent is not None
    return tangent


def per_weight(layer: nn.RNN) -> Tensor:
    weights = {name: weight.detach() for name, weight in layer.named_parameters()}
    slopes = grad(lambda w: functional_call(layer, w, (numbers(T, B, I),))[0].square().sum())(
        weights
    )
    return torch.cat([slope.flatten() for slope in slopes.values()])


def checkpointed(layer: nn.RNN, reentrant: bool) -> list[Tensor]:
    x = numbers(T, B, I).requires_grad_()
    checkpoint(layer, x, use_reentrant=reentrant)[0].square().sum().backward()
    return [value.grad for value in (x, *layer.parameters()) if value.grad is not None]


def with_saved_tensors_packed(layer: nn.RNN) -> list[Tensor]:
    with torch.autograd.graph.saved_tensors_hooks(lambda value: value.clone(), lambda kept: kept):
        loss_of(layer)(numbers(T, B, I)).backward()
    return [weight.grad for weight in layer.parameters() if weight.grad is not None]


def with_normed_weights(layer: nn.RNN) -> list[Tensor]:
    parametrizations.weight_norm(layer, "weight_hh_l0")
    loss_of(layer)(numbers(T, B, I)).backward()
    return [weight.grad for weight in layer.parameters() if weight.grad is not None]


def with_old_norms(layer: nn.RNN) -> list[Tensor]:
    with pytest.warns(FutureWarning):
        nn.utils.weight_norm(layer, "weight_hh_l0")  # pyright: ignore[reportDeprecated]
    with torch.no_grad():
        layer.get_parameter("weight_hh_l0_g").mul_(2)
    return [layer(numbers(T, B, I))[0].detach()]


def pruned(layer: nn.RNN) -> Tensor:
    prune.l1_unstructured(layer, "weight_hh_l0", 0.5)
    return layer(numbers(T, B, I))[0].detach()


def compiled_in_autocast(layer: nn.RNN) -> Tensor:
    torch._dynamo.reset()
    x = numbers(T, B, I).float()
    layer.float()
    with torch._dynamo.config.patch(allow_rnn=True), torch.autocast("cpu", torch.bfloat16):
        return torch.compile(layer, backend="eager")(x)[0].detach()


def in_autocast(layer: nn.RNN) -> Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return layer.float()(numbers(T, B, I).float())[0].detach()


def of_a_subclass(layer: nn.RNN) -> Tensor:
    class Marked(Tensor):
        pass

    output, _ = layer(numbers(T, B, I).as_subclass(Marked))
    assert type(output) is Marked
    return output.detach().as_subclass(Tensor)


def operations(layer: nn.RNN) -> Tensor:
    with FlopCounterMode(display=False) as counted:
        loss_of(layer)(numbers(T, B, I)).backward()
    return torch.tensor(float(counted.get_total_flops()))


x = numbers(T, B, I)
USES: dict[str, Callable] = {
    "gradient penalty": penalty,
    "batched gradients": batched_gradients,
    "forward mode": in_forward_mode,
    "func.grad": lambda layer: grad(loss_of(layer))(x),
    "func.grad by weights": per_weight,
    "func.vjp": lambda layer: vjp(loss_of(layer), x)[1](torch.ones((), dtype=DOUBLE))[0],
    "func.jvp": lambda layer: jvp(loss_of(layer), (x,), (numbers(T, B, I, seed=2),))[1],
    "func.jacrev": lambda layer: jacrev(lambda x: layer(x)[0])(x),
    "func.jacfwd": lambda layer: jacfwd(lambda x: layer(x)[0])(x),
    "func.hessian": lambda layer: hessian(loss_of(layer))(x),
    "jacobian": lambda layer: torch.autograd.functional.jacobian(loss_of(layer), x, vectorize=True),
    "hessian": lambda layer: torch.autograd.functional.hessian(loss_of(layer), x),
    "checkpoint": lambda layer: checkpointed(layer, reentrant=False),
    "reentrant checkpoint": lambda layer: checkpointed(layer, reentrant=True),
    "hooks on what is saved": with_saved_tensors_packed,
    "weight norm": with_normed_weights,
    "old weight norm": with_old_norms,
    "pruning": pruned,
    "autocast": in_autocast,
    "compiled in autocast": compiled_in_autocast,
    "subclass": of_a_subclass,
    "counted operations": operations,
}


@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True}], ids=repr)
@pytest.mark.parametrize("name", USES)
def test_a_transform_gives_what_it_gives_of_nn_rnn(name: str, options: dict) -> None:
    expected, got = (USES[name](layer) for layer in pair(**options))
    if isinstance(expected, Tensor):
        expected, got = [expected], [got]
    for number, (mine, right) in enumerate(zip(got, expected, strict=True)):
        assert isinstance(mine, Tensor)
        assert mine.dtype == right.dtype
        assert_near(mine.double(), right.double(), f"tensor {number}")


def test_a_bias_changed_before_a_second_order_backward_is_an_error() -> None:
    _, ours = pair()
    x = numbers(T, B, I).requires_grad_()
    output, _ = ours(x)
    with torch.no_grad():
        ours.bias_hh_l0.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(output.sum(), x, create_graph=True)


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("indices", [False, True])
def test_many_inputs_and_an_ensemble_can_be_mapped(indices: bool) -> None:
    layers = [pair()[1] for _ in range(3)]
    for number, layer in enumerate(layers):
        layer.weight_hh_l0.data.mul_(number)
    many = torch.randint(I, (6, T, B)) if indices else numbers(6, T, B, I)
    mapped = vmap(lambda x: layers[1](x)[0])(many)
    assert_near(mapped, torch.stack([layers[1](x)[0] for x in many]), "inputs")
    weights, _ = stack_module_state(layers)  # pyright: ignore[reportArgumentType]
    ensemble = vmap(lambda w, x: functional_call(layers[0], w, (x,))[0], in_dims=(0, None))
    found = ensemble(weights, many[0])
    assert_near(found, torch.stack([layer(many[0])[0] for layer in layers]), "ensemble")
    gradients = torch.autograd.grad(found.square().sum(), list(weights.values()))
    for number, layer in enumerate(layers):
        layer(many[0])[0].square().sum().backward()
        for slopes, weight in zip(gradients, layer.parameters(), strict=True):
            assert weight.grad is not None
            assert_near(slopes[number], weight.grad, "gradient")


class Tagger(nn.Module):
    def __init__(self, layer: nn.RNN) -> None:
        super().__init__()
        self.layer = layer
        self.out = nn.Linear(layer.hidden_size, 2, dtype=DOUBLE)

    def forward(self, x: Tensor) -> Tensor:
        output, h_n = self.layer(x)
        return self.out(output) + self.out(h_n)


class Continued(nn.Module):
    """Reads one sequence, whatever state it is given."""

    def __init__(self, layer: nn.RNN) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, state: Tensor) -> Tensor:
        return self.layer(torch.ones(T, B, I, dtype=DOUBLE), state)[0]


def test_a_graph_can_take_the_state_alone() -> None:
    expected, got = (
        torch.fx.symbolic_trace(Continued(layer))(numbers(1, B, H)) for layer in pair()
    )
    assert_near(got.detach(), expected.detach(), "output")


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_graphs_of_all_tracers_compute_the_same() -> None:
    x, other = numbers(T, B, I), numbers(T + 2, B + 1, I)
    for layer in pair():
        model = Tagger(layer)
        right, right_other = model(x).detach(), model(other).detach()
        traced = torch.fx.symbolic_trace(model)
        modules = [node.target for node in traced.graph.nodes if node.op == "call_module"]
        assert modules == ["layer", "out", "out"]
        assert_near(traced(x).detach(), right, "torch.fx")
        torch._dynamo.reset()
        compiled = torch.compile(model, backend="eager")
        assert_near(compiled(x).detach(), right, "torch.compile")
        script = torch.jit.script(model)
        assert_near(script(other).detach(), right_other, "torch.jit.script")
        torch.jit.save(torch.jit.trace(layer, (x,)), file := io.BytesIO())
        file.seek(0)
        right, h_n = layer(other)
        got, last = torch.jit.load(file)(other)  # of another length
        assert_near(got.detach(), right.detach(), "torch.jit.trace")
        assert_near(last.detach(), h_n.detach(), "torch.jit.trace")


def test_an_export_takes_any_length_and_batch() -> None:
    sizes = {0: torch.export.Dim("steps"), 1: torch.export.Dim("batch")}
    model = Tagger(pair()[1])
    for strict in (False, True):
        exported = torch.export.export(
            model, (numbers(T, B, I),), dynamic_shapes=(sizes,), strict=strict
        )
        other = numbers(T + 5, B + 2, I)
        assert_near(exported.module()(other).detach(), model(other).detach(), "exported")


@pytest.mark.parametrize("options", [{"num_layers": 2}, {"nonlinearity": "relu"}, {}], ids=repr)
def test_indices_stand_for_one_hot_vectors_everywhere(options: dict) -> None:
    theirs, ours = pair(**options)
    symbols = torch.randint(I, (T, B))
    one_hot = nn.functional.one_hot(symbols, I).to(DOUBLE)
    assert_near(ours(symbols)[0].detach(), theirs(one_hot)[0].detach(), "output")
    lengths = [4, 2, 1]
    packed = nn.utils.rnn.pack_padded_sequence(symbols, lengths)
    right, _ = theirs(nn.utils.rnn.pack_padded_sequence(one_hot, lengths))
    assert_near(ours(packed)[0].data.detach(), right.data.detach(), "packed")
    slopes = jacrev(lambda w: functional_call(ours, {"weight_ih_l0": w}, (symbols,))[0].sum())
    right = jacrev(lambda w: functional_call(theirs, {"weight_ih_l0": w}, (one_hot,))[0].sum())
    assert_near(slopes(ours.weight_ih_l0), right(ours.weight_ih_l0), "gradient")
