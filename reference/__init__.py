"""A character-level recurrent network in plain NumPy, written to be read.

It is the oracle of this project: float64, one formula a line, every gradient by hand.
Read `rnn.py` first.
"""

from .adagrad import update as update
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
from .run import Hyperparameters as Hyperparameters
from .run import Run as Run
from .run import Step as Step
from .sampling import generate as generate
from .training import Training as Training
from .training import train as train
from .vocabulary import Vocabulary as Vocabulary
from .vocabulary import input_to_target as input_to_target
