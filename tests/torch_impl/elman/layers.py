"""Shared by the layer's tests: all implementations, drawn configurations, comparisons."""

from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence

from torch_impl import ElmanRNN
from torch_impl.elman import operator
from torch_impl.elman.compiled import CompiledLayer
from torch_impl.elman.computation import Computation, LayerOptions
from torch_impl.elman.fallback import TorchLayer

WAYS: list[Computation] = [
    TorchLayer(),
    CompiledLayer(threads=1),
    CompiledLayer(threads=2),
    CompiledLayer(threads=3),
]
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-4}


def assert_near(a: Tensor, b: Tensor, what: str) -> None:
    __tracebackhide__ = True
    assert a.shape == b.shape, f"{what}: {tuple(a.shape)}, expected {tuple(b.shape)}"
    worst, scale = (a - b).abs().max().item(), max(1.0, b.abs().max().item())
    assert worst <= TOLERANCE[b.dtype] * scale, f"{what} is {worst:.3g} off, beside {scale:.3g}"


@st.composite
def configurations(draw: st.DrawFn) -> dict:
    return {
        "way": draw(st.sampled_from(WAYS)),
        "num_layers": draw(st.integers(1, 3)),
        "bidirectional": draw(st.booleans()),
        "nonlinearity": draw(st.sampled_from(["tanh", "relu"])),
        "dropout": draw(st.sampled_from([0.0, 0.4])),
        "training": draw(st.booleans()),
        "packed": draw(st.sampled_from(["no", "sorted", "unsorted"])),
        "I": draw(st.integers(1, 9)),
        "H": draw(st.integers(1, 40) | st.sampled_from([64, 83])),
        "T": draw(st.integers(1, 9)),
        "B": draw(st.integers(1, 10)),
        "dtype": draw(st.sampled_from([torch.float32, torch.float64])),
        "seed": draw(st.integers(0, 2**31)),
        "bias": draw(st.booleans()),
        "batch_first": draw(st.booleans()),
        "batched": draw(st.booleans()),
        "state": draw(st.booleans()),
        "contiguous": draw(st.booleans()),
        "indices": draw(st.booleans()),
        "uses": draw(st.sampled_from(["output", "h_n", "both"])),
        "input_gradient": draw(st.booleans()),
    }


@st.composite
def options_of(draw: st.DrawFn, T: int, B: int) -> LayerOptions:
    """Draw a direction, a nonlinearity, and whether the sequences have several lengths."""
    sizes = st.lists(st.integers(1, B), min_size=T - 1, max_size=T - 1)
    packed = draw(st.none() | sizes)
    return LayerOptions(
        None if packed is None else (B, *sorted(packed, reverse=True)),
        draw(st.booleans()),
        draw(st.booleans()),
    )


class Call:
    """An nn.RNN and an ElmanRNN with the same weights, and arguments for both, as drawn."""

    def __init__(self, c: dict) -> None:
        self.c = c
        self.seed = c["seed"]
        torch.manual_seed(self.seed)
        names = ("bias", "batch_first", "dtype", "num_layers", "bidirectional", "nonlinearity")
        options = {name: c[name] for name in names}
        options["dropout"] = c["dropout"] if c["num_layers"] > 1 else 0.0
        self.theirs = nn.RNN(c["I"], c["H"], **options)
        self.ours = ElmanRNN(c["I"], c["H"], **options)
        self.ours.load_state_dict(self.theirs.state_dict())
        self.packed = c["packed"] != "no"
        self.symbols: Any
        self.x: Any
        self.symbols, self.x = self._packed() if self.packed else self._tensors()
        self.hx = None
        if c["state"]:
            lanes = [c["B"]] if c["batched"] or self.packed else []
            layers = c["num_layers"] * (1 + c["bidirectional"])
            self.hx = torch.randn(layers, *lanes, c["H"], dtype=c["dtype"])

    def _tensors(self) -> tuple[Tensor, Tensor]:
        c = self.c
        sizes = [c["B"], c["T"]] if c["batch_first"] else [c["T"], c["B"]]
        sizes = sizes if c["batched"] else [c["T"]]
        if c["contiguous"]:
            return torch.randint(c["I"], sizes), torch.randn(*sizes, c["I"], dtype=c["dtype"])
        x = torch.randn(*sizes[:-1], c["I"], sizes[-1], dtype=c["dtype"]).transpose(-1, -2)
        return torch.randint(c["I"], (*sizes[:-1], 2 * sizes[-1]))[..., ::2], x

    def _packed(self) -> tuple[PackedSequence, PackedSequence]:
        c = self.c
        lengths = torch.randint(1, c["T"] + 1, (c["B"],)).tolist()
        is_sorted = c["packed"] == "sorted"
        lengths = sorted(lengths, reverse=True) if is_sorted else lengths
        symbols = [torch.randint(c["I"], (length,)) for length in lengths]
        x = [torch.randn(length, c["I"], dtype=c["dtype"]) for length in lengths]
        return pack_sequence(symbols, is_sorted), pack_sequence(x, is_sorted)

    def outcome(self, layer: nn.RNN, order: int = 1) -> dict[str, Tensor]:
        """Return the outputs, and all gradients of a loss that weights each output differently.

        With order 2 the gradients are those of a sum of squared gradients.
        """
        c, ours = self.c, isinstance(layer, ElmanRNN)
        layer.train(c["training"])
        x: Any = self.x
        if c["indices"] and ours:
            x = self.symbols
        elif c["indices"]:
            data = self.symbols.data if self.packed else self.symbols
            one_hot = nn.functional.one_hot(data, c["I"]).to(c["dtype"])
            x = self.symbols._replace(data=one_hot) if self.packed else one_hot
        data = x.data if self.packed else x
        if c["input_gradient"] and not c["indices"]:
            data = data.detach().clone().requires_grad_()
        hx = None if self.hx is None else self.hx.clone().requires_grad_()
        before = operator.choose
        operator.choose = lambda like: c["way"]
        torch.manual_seed(self.seed)  # the masks of dropout
        try:
            output, h_n = layer(x._replace(data=data) if self.packed else data, hx)
            output = output.data if self.packed else output
            total = output.new_zeros(())
            for name, value in (("output", output), ("h_n", h_n)):
                if c["uses"] in (name, "both"):
                    weights = torch.linspace(-1, 2, value.numel(), dtype=value.dtype)
                    total = total + (value * weights.view(value.shape)).sum()
            leaves = dict(layer.named_parameters()) | {"x": data, "hx": hx}
            wanted = {k: v for k, v in leaves.items() if v is not None and v.requires_grad}
            for _ in range(order - 1):
                slopes = torch.autograd.grad(total, [*wanted.values()], create_graph=True)
                total = torch.stack([(slope**2).sum() for slope in slopes]).sum()
            slopes = torch.autograd.grad(total, [*wanted.values()], allow_unused=True)
        finally:
            operator.choose = before
        found = {f"d{name}": slope for name, slope in zip(wanted, slopes, strict=True)}
        found = {name: slope for name, slope in found.items() if slope is not None}
        return {"output": output.detach(), "h_n": h_n.detach(), **found}

    def compare(self, order: int = 1) -> None:
        """Check that both layers have the same outcome, to rounding."""
        __tracebackhide__ = True
        got, expected = (self.outcome(layer, order) for layer in (self.ours, self.theirs))
        assert got.keys() == expected.keys()
        for name, value in expected.items():
            assert_near(got[name], value, name)
