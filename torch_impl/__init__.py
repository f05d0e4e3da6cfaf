"""The reference's twin in PyTorch tensors, wired by hand: no autograd in its training path.

It has the reference's files, functions and lines, but for types, dtype and device: open the two
side by side. Beside it stand the compiled engine (`fast`) and its nn.Module, `ElmanRNN`.
"""

from .adagrad import update as update
from .elman import ElmanGradients as ElmanGradients
from .elman import ElmanPasses as ElmanPasses
from .elman import ElmanRNN as ElmanRNN
from .lanes import backward_lanes as backward_lanes
from .lanes import backward_windows as backward_windows
from .loss import softmax as softmax
from .loss import softmax_cross_entropy as softmax_cross_entropy
from .rnn import Gradients as Gradients
from .rnn import Parameters as Parameters
from .rnn import Trace as Trace
from .rnn import backward as backward
from .rnn import backward_window as backward_window
from .rnn import forward as forward
from .rnn import forward_step as forward_step
from .rnn import initialize_parameters as initialize_parameters
from .sampling import generate as generate
from .training import Training as Training
from .training import train as train
