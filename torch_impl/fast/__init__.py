"""The fast engine: training windows compiled by numba, for one thread of a CPU.

The same numbers as `reference` to rounding, the running clip included; docs/running-clip.md says
why. Importing it needs numba; compiling takes seconds once and is kept on disk.
"""

try:
    import numba as _numba  # noqa: F401
except ImportError as error:
    raise ImportError("the fast engine needs numba: pip install numba") from error

from .layout import Storage as Storage
from .training import Training as Training
from .window import Window as Window
from .window import differentiate_window as differentiate_window
