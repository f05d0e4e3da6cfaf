"""Writes text with a network that `bptt export RUN --out model.pt` wrote; needs only torch."""

import sys

import torch

saved = torch.load(sys.argv[1], weights_only=True)
symbols, weights = saved["vocabulary"], saved["state_dict"]
model = torch.nn.ModuleDict(
    {
        "rnn": torch.nn.RNN(len(symbols), saved["hidden_size"]),
        "linear": torch.nn.Linear(saved["hidden_size"], len(symbols)),
    }
).to(saved["initial_state"].dtype)
model.load_state_dict(weights)

state, text = saved["initial_state"][None], sys.argv[2] if len(sys.argv) > 2 else symbols[0]
one_hot = torch.eye(len(symbols), dtype=state.dtype)
with torch.no_grad():
    read = one_hot[[symbols.index(symbol) for symbol in text]]
    for _ in range(200):
        outputs, state = model["rnn"](read, state)
        next_symbol = torch.multinomial(model["linear"](outputs[-1]).div(0.7).softmax(0), 1)
        read, text = one_hot[next_symbol], text + symbols[next_symbol]
print(text)
