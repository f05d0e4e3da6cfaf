"""PyTorch implementations of the network; `fast` is the compiled CPU engine."""

from .elman import ElmanRNN as ElmanRNN
