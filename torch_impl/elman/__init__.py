"""ElmanRNN: a plain recurrent layer for torch programs, with a hand-written backward."""

from .module import ElmanRNN as ElmanRNN
