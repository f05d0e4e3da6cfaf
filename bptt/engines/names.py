"""The names of the parameters, in the order of every engine."""

PARAMETER_NAMES = ("Whx", "Wha", "Wya", "bh", "by")
