"""The fast engine: training windows compiled by numba, for one or several threads of a CPU.

Its results equal those of `reference` to rounding, also where the running clip acts;
docs/running-clip.md gives the proof. Importing it requires numba. The first use compiles for some
seconds; the compiled code is cached on disk.

Example:
    training = fast.Training(text, Hyperparameters(), vocabulary=vocabulary, dtype=torch.float32)
    steps = training.advance(1000)
    print(steps[-1].smooth_loss)  # nats per window
"""

try:
    import numba as _numba  # noqa: F401
except ImportError as error:
    raise ImportError("the fast engine needs numba: pip install numba") from error

from .dropout import Dropout as Dropout
from .layout import Storage as Storage
from .training import Training as Training
from .window import Window as Window
from .window import differentiate_window as differentiate_window
