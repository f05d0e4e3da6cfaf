"""ElmanRNN: a plain recurrent layer for torch programs, with a hand-written backward."""

from .module import ElmanRNN as ElmanRNN
from .passes import ElmanGradients as ElmanGradients
from .passes import ElmanPasses as ElmanPasses
