"""ElmanRNN: a plain recurrent layer for PyTorch programs, with a hand-written backward pass."""

from .module import ElmanRNN as ElmanRNN
from .passes import ElmanGradients as ElmanGradients
from .passes import ElmanPasses as ElmanPasses
