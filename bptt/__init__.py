"""Hand-written back-propagation through time that can be trusted: the programs around it."""

__version__ = "0.1.0"
