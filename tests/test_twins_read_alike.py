"""The twins have the same files, functions and lines but for types, dtype and device.

A difference that this file doesn't list is an error, and so is one that it lists and that is gone.
"""

import difflib
import inspect
import re
from pathlib import Path
from types import FunctionType

import pytest

import reference
import torch_impl

ROOT = Path(__file__).parents[1]
REFERENCE, TWIN = ROOT / "reference", ROOT / "torch_impl"
# What NumPy and torch call differently; line by line, without what only torch needs.
FOLDED = {
    r"^ *(import numpy as np|import torch|from torch import Tensor|@torch\.no_grad\(\))$": "",
    r"\b(np\.ndarray|Tensor)\b": "Array",
    r"\b(np|torch)\.": "",
    r"\.clone\(\)": ".copy()",
    r"\.mm\(": ".dot(",
    r"\btensor(s?)\b": r"array\1",
}
# The lines that differ all the same: "-" the reference's, "+" the twin's.
DIFFERENCES = {
    "adagrad.py": "",
    "lanes.py": "",
    "rnn.py": '''
+     Raises ValueError also for different dtypes or devices.
-     def loss(self) -> float64:
+     def loss(self) -> Float[Array, ""]:
+     dtype: dtype = float64,
+     device: device | str = "cpu",
-     """Draw standard normals × 0.01 for Whx, Wha, Wya in this order; biases are zero."""
+     """Draw standard normals × 0.01 for Whx, Wha, Wya in this order; biases are zero.
+     The draws are the reference's, rounded to the dtype.
+     """
-     return Parameters(*drawn)
+     return Parameters(*(from_numpy(value).to(device, dtype) for value in drawn))
+     Raises FloatingPointError also for weights that are no finite numbers.
-     states = empty((T + 1, H, 1))
+     states = initial_state.new_empty((T + 1, H, 1))
-     probabilities = empty((T, V, 1))
+     probabilities = initial_state.new_empty((T, V, 1))
-     losses = empty(T)
+     losses = initial_state.new_empty(T)
''',
    "sampling.py": """
+ from reference import Vocabulary
- from .vocabulary import Vocabulary
-     vector = _first_input(vocabulary, start, rng or random.default_rng())
+     vector = _first_input(vocabulary, start, rng or random.default_rng()).to(state)
-         x = (p == p.max()).astype(float64)
+         x = (p == p.max()).to(p.dtype)
-     return vocabulary.decode_one_hot(array(written))
+     return vocabulary.decode(argmax(stack(written), dim=1).numpy(force=True))
-     return vocabulary.encode_one_hot(start)[-1]
+     return from_numpy(vocabulary.encode_one_hot(start)[-1])
""",
    "training.py": """
+ from reference import Hyperparameters, Run, Step, Vocabulary
+ from reference.training import NEW_WEIGHT, OLD_WEIGHT
- from .run import Hyperparameters, Run, Step
- from .vocabulary import Vocabulary
- # Of the smoothed loss. Written out: 1 - 0.999 is another number than 0.001 in floating point.
- OLD_WEIGHT, NEW_WEIGHT = 0.999, 0.001
-         text: Integer[Array, " N"],
+         text: Integer[Array, " N"] | Integer[Array, " N"],
+         dtype: dtype = float64,
+         device: device | str = "cpu",
+             dtype=dtype,
+             device=device,
-         self.text = asarray(text)
+         self.text = text.cpu().numpy() if isinstance(text, Array) else asarray(text)
-         self.hidden_state = zeros((H, lanes))
+         self.hidden_state = parameters.bh.new_zeros((H, lanes))
-         return self.text[start:end].astype(int64, casting="same_kind")
+         indices = self.text[start:end].astype(int64, casting="same_kind")
+         return from_numpy(indices).to(self.parameters.bh.device)
-         start = self.vocabulary.encode_one_hot(last_input)[0]
+         start = from_numpy(self.vocabulary.encode_one_hot(last_input)[0])
+     dtype: dtype = float64,
+     device: device | str = "cpu",
+         dtype=dtype,
+         device=device,
""",
}


def folded(path: Path) -> list[str]:
    """Return a file's lines, with one library's names for both."""
    lines = []
    for line in path.read_text().splitlines():
        for pattern, name in FOLDED.items():
            line = re.sub(pattern, name, line)
        lines.append(line)
    return [line for line in lines if line]


@pytest.mark.parametrize("file", DIFFERENCES)
def test_twins_differ_in_the_listed_lines_only(file: str) -> None:
    differences = [
        line
        for line in difflib.ndiff(folded(REFERENCE / file), folded(TWIN / file))
        if line.startswith(("-", "+"))
    ]
    assert differences == DIFFERENCES[file].split("\n")[1:-1]


def test_twins_have_the_same_files() -> None:
    ours, theirs = ({file.name for file in top.glob("*.py")} for top in (REFERENCE, TWIN))
    # The twin imports from the reference what has no arithmetic in it.
    assert ours - theirs == {"run.py", "vocabulary.py"}
    assert theirs - ours == {"convert.py"}


def test_twins_have_the_same_functions_with_the_same_arguments() -> None:
    functions = {
        name: function
        for name, function in vars(reference).items()
        if isinstance(function, FunctionType) and name != "input_to_target"
    }
    assert len(functions) > 10
    for name, function in functions.items():
        ours = inspect.signature(getattr(torch_impl, name)).parameters
        assert [one for one in ours if one not in ("dtype", "device")] == [
            *inspect.signature(function).parameters
        ]
