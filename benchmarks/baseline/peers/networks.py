"""The reference networks: nn.RNN, nn.GRU, nn.LSTM and minGRU, each with a linear output.

V symbols, H hidden units, T steps of a window, B lanes.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.functional import one_hot

from .scan import Scan
from .settings import PeerSettings

# Drops entries of a tensor at a rate and scales the others up; leaves it alone in evaluation.
Dropout = Callable[[Tensor, float], Tensor]
State = list[tuple[Tensor, ...]]  # of each layer, what it carries from window to window
CONVOLVED = 4  # characters that the convolution of a minGRU block reads, the present one included
WIDER = 2  # units of its MLP for each unit; with 3 blocks of 256, nn.LSTM's parameters at 512
CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


def intact(tensor: Tensor, rate: float) -> Tensor:
    """Drop nothing: the Dropout of an evaluation."""
    return tensor


class Recurrent(nn.Module):
    """A layer of nn.RNN, nn.GRU or nn.LSTM."""

    def __init__(self, settings: PeerSettings, inputs: int) -> None:
        super().__init__()
        self.cell = CELLS[settings.model](inputs, settings.hidden_size)
        self.rate = settings.recurrent_dropout
        self.carried = 2 if settings.model == "lstm" else 1
        self._initialize(settings)

    @property
    def recurrent(self) -> Tensor:
        weight = self.cell.weight_hh_l0
        assert isinstance(weight, Tensor)
        return weight

    @torch.no_grad()
    def _initialize(self, settings: PeerSettings) -> None:
        named = dict(self.cell.named_parameters())
        if settings.initialization == "orthogonal":
            self._draw(settings, named)
        named["weight_ih_l0"].mul_(settings.input_scale)
        named["weight_hh_l0"].mul_(settings.recurrent_scale)

    def _draw(self, settings: PeerSettings, named: dict[str, nn.Parameter]) -> None:
        """Draw every gate's recurrent matrix as a rotation or reflection, the others by Glorot."""
        H = settings.hidden_size
        for block in named["weight_hh_l0"].split(H):
            nn.init.orthogonal_(block)
        for block in named["weight_ih_l0"].split(H):
            nn.init.xavier_uniform_(block)
        for name in ("bias_ih_l0", "bias_hh_l0"):
            named[name].zero_()
        if settings.model == "lstm":  # the forget gate's (Jozefowicz and others, 2015)
            named["bias_ih_l0"][H : 2 * H].fill_(1.0)

    def start(self, lanes: int) -> tuple[Tensor, ...]:
        zero = self.recurrent.new_zeros(1, lanes, self.cell.hidden_size)
        return (zero,) * self.carried

    def forward(
        self, inputs: Float[Tensor, "T B I"], state: tuple[Tensor, ...], drop: Dropout
    ) -> tuple[Float[Tensor, "T B H"], tuple[Tensor, ...]]:
        weight = drop(self.recurrent, self.rate)
        given: Any = state if self.carried == 2 else state[0]
        if weight is self.recurrent:
            states, final = self.cell(inputs, given)
        else:
            states, final = functional_call(self.cell, {"weight_hh_l0": weight}, (inputs, given))
        return states, tuple(final) if self.carried == 2 else (final,)


class MinGRU(nn.Module):
    """A block of a minGRU network: x + minGRU(conv(norm x)), then x + MLP(norm x).

    z = sigmoid(W_z x), h_t = (1 - z_t) ∘ h_{t-1} + z_t ∘ W_h x_t; the convolution is over the last
    CONVOLVED steps of each unit by itself.

    Source: Feng and others (2024), Were RNNs All We Needed?
    """

    def __init__(self, settings: PeerSettings) -> None:
        super().__init__()
        H = settings.hidden_size
        self.rate = settings.output_dropout
        self.norms = nn.ModuleList(nn.LayerNorm(H) for _ in range(2))
        self.convolution = nn.Parameter(torch.empty(CONVOLVED, H))
        nn.init.uniform_(self.convolution, -1 / math.sqrt(CONVOLVED), 1 / math.sqrt(CONVOLVED))
        self.gate_and_candidate = nn.Linear(H, 2 * H)
        self.out = nn.Linear(H, H)
        self.perceptron = nn.Sequential(nn.Linear(H, WIDER * H), nn.GELU(), nn.Linear(WIDER * H, H))

    def start(self, lanes: int) -> tuple[Tensor, ...]:
        H = self.out.in_features
        zero = self.convolution.new_zeros
        return zero(lanes, H), zero(CONVOLVED - 1, lanes, H)

    def forward(
        self, inputs: Float[Tensor, "T B H"], state: tuple[Tensor, ...], drop: Dropout
    ) -> tuple[Float[Tensor, "T B H"], tuple[Tensor, ...]]:
        hidden, before = state
        T = len(inputs)
        extended = torch.cat([before, self.norms[0](inputs)])
        mixed = self.convolution[0] * extended[:T]
        for k in range(1, CONVOLVED):
            mixed = torch.addcmul(mixed, self.convolution[k], extended[k : k + T])
        gate, candidate = self.gate_and_candidate(mixed).chunk(2, dim=-1)
        z = torch.sigmoid(gate)
        states: Any = Scan.apply(1 - z, z * candidate, hidden)
        outputs = inputs + drop(self.out(states), self.rate)
        outputs = outputs + drop(self.perceptron(self.norms[1](outputs)), self.rate)
        return outputs, (states[-1], extended[T:])


class Network(nn.Module):
    """Layers and a linear output. Weights are drawn from torch's global generator.

    A symbol of V stands for one that the network doesn't know, and is read as a zero input.
    """

    def __init__(self, settings: PeerSettings, vocab_size: int) -> None:
        super().__init__()
        H, self.vocab_size = settings.hidden_size, vocab_size
        self.rate = settings.output_dropout
        self.is_min = settings.model == "mingru"
        if self.is_min:
            self.embedding = nn.Embedding(vocab_size + 1, H, padding_idx=vocab_size)
            layers = [MinGRU(settings) for _ in range(settings.layers)]
            self.norm = nn.LayerNorm(H)
        else:
            sizes = [vocab_size, *[H] * (settings.layers - 1)]
            layers = [Recurrent(settings, inputs) for inputs in sizes]
        self.layers = nn.ModuleList(layers)
        self.linear = nn.Linear(H, vocab_size)

    def start(self, lanes: int) -> State:
        """Return the zero state of every layer."""
        return [layer.start(lanes) for layer in self.layers]  # pyright: ignore[reportCallIssue]

    def forward(
        self, symbols: Int[Tensor, "T B"], state: State, drop: Dropout = intact
    ) -> tuple[Float[Tensor, "T B V"], State]:
        if self.is_min:
            x = self.embedding(symbols)
        else:
            columns = one_hot(symbols, self.vocab_size + 1)[..., : self.vocab_size]
            x = columns.to(self.linear.weight.dtype)
        carried = []
        for layer, before in zip(self.layers, state, strict=True):
            x, after = layer(x, before, drop)
            carried.append(after)
            if not self.is_min:
                x = drop(x, self.rate)
        return self.linear(self.norm(x) if self.is_min else x), carried


def parameters_of(network: nn.Module) -> int:
    """Count the trained numbers."""
    return sum(one.numel() for one in network.parameters() if one.requires_grad)
