"""The runs that the tests of models load, by name: their settings."""

SIZES = {"hidden_size": 6, "seq_length": 5, "iterations": 60, "validate_every": 10,
         "learning_rate": 0.2, "checkpoint_every": 60}  # fmt: skip
KINDS = {
    "float64": SIZES | {"learning_rate": 0.5},
    "float32": SIZES | {"engine": "torch", "dtype": "float32", "learn_initial_state": True},
    "bytes": SIZES | {"units": "bytes", "split": "90/10"},
}
