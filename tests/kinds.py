"""Kinds of runs that differ in what a checkpoint must hold, or in who computes."""

# Every engine, dtype, optimizer, clip, schedule and initialization is among these.
KINDS: list[dict] = [
    {"split": "all"},
    {"clip": None, "initialization": "glorot", "input_scale": 3.0},
    {"clip": 0.01, "engine": "torch", "dtype": "float32"},
    {"engine": "fast", "clip": 0.5, "initialization": "orthogonal", "recurrent_scale": 0.5},
    {"engine": "fast", "dtype": "float32", "optimizer": "adam", "schedule": "cosine", "warmup": 7},
    {"optimizer": "adamw", "weight_decay": 0.1, "clip_kind": "norm", "clip": 1.0},
    {"optimizer": "rmsprop", "schedule": "plateau", "plateau_patience": 0, "engine": "torch"},
    {"optimizer": "sgd", "momentum": 0.9, "clip_kind": "value", "clip": 0.1},
    {"optimizer": "sgd", "learn_initial_state": True, "sample_temperature": 0.8},
    {"learn_initial_state": True, "patience": 3, "initialization": "identity"},
    {"engine": "fast", "optimizer": "rmsprop", "learn_initial_state": True, "clip_kind": "none"},
    {"engine": "fast", "dtype": "float32", "optimizer": "sgd", "momentum": 0.5, "patience": 5,
     "schedule": "plateau"},
    {"engine": "torch", "dtype": "float32", "optimizer": "adam", "learn_initial_state": True,
     "sample_temperature": 1.0, "schedule": "cosine", "final_share": 0.1},
    {"engine": "torch", "optimizer": "adamw", "clip_kind": "value", "initialization": "glorot"},
    {"engine": "fast", "output_dropout": 0.3, "recurrent_dropout": 0.2, "average_decay": 0.9,
     "learn_initial_state": True, "optimizer": "adamw", "weight_decay": 0.1},
    {"engine": "fast", "dtype": "float32", "recurrent_dropout": 0.5, "clip": 0.1},
    {"engine": "fast", "output_dropout": 0.5, "optimizer": "sgd", "clip": None},
    {"average_decay": 0.99, "optimizer": "adam"},
    {"engine": "torch", "average_decay": 0.5, "learn_initial_state": True},
]  # fmt: skip
