"""The cache of compiled code, folders that can't be written, and a missing numba."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

PROGRAM = """
import warnings
warnings.simplefilter("error")
import sys
import numpy as np
from torch_impl.kernels.compiled import CacheFolderWarning
warnings.simplefilter("always", CacheFolderWarning)
from small import twice
print(twice(np.ones(3)).tolist(), len(twice.stats.cache_hits))
"""

SMALL = """
from torch_impl.kernels.compiled import kernel

@kernel
def twice(x):
    return FACTOR * x
"""


def run(folder: Path, program: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": f"{folder}", "PYTHONDONTWRITEBYTECODE": "1"} | environment,
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a folder with a copy of the package and a module with a small kernel."""
    for package in ("torch_impl", "reference"):
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    (tmp_path / "small.py").write_text(SMALL.replace("FACTOR", "2.0"))
    return tmp_path


PARTS = """
from torch_impl.kernels.compiled import inlined, internal, kernel

@inlined
def checked(x, i):
    if x[i] < 0.0:
        raise ValueError("below zero")
    return x[i]

@internal
def tell(x, i):
    print("part", i)
    return checked(x, i)

@kernel
def twice(x):
    for i in range(x.size):
        x[i] = FACTOR * tell(x, i)
    return x
"""


def test_parts_print_and_raise_newly_compiled_and_out_of_the_cache(copied: Path) -> None:
    (copied / "small.py").write_text(PARTS.replace("FACTOR", "2.0"))
    kept = f"{copied / 'kept'}"
    for hits in (0, 1):
        done = run(copied, PROGRAM, NUMBA_CACHE_DIR=kept)
        assert done.stdout == f"part 0\npart 1\npart 2\n[2.0, 2.0, 2.0] {hits}\n", done.stderr
        assert not done.stderr
    failed = run(copied, PROGRAM.replace("np.ones(3)", "-np.ones(1)"), NUMBA_CACHE_DIR=kept)
    assert failed.stderr.endswith("ValueError: below zero\n")


def test_a_change_in_any_compiled_source_compiles_again(copied: Path) -> None:
    kept = f"{copied / 'kept'}"
    run(copied, PROGRAM, NUMBA_CACHE_DIR=kept)
    for source in ("kernels/products.py", "elman/layer.py"):
        with (copied / "torch_impl" / source).open("a") as file:
            file.write("# changed\n")
        again = run(copied, PROGRAM, NUMBA_CACHE_DIR=kept)
        assert again.stdout.strip() == "[2.0, 2.0, 2.0] 0"


def test_without_a_folder_it_works_and_warns(copied: Path) -> None:
    (copied / "__pycache__").write_text("a file where the folder should be")
    elsewhere = f"{copied / '__pycache__' / 'home'}"
    done = run(copied, PROGRAM, NUMBA_CACHE_DIR="", XDG_CACHE_HOME=elsewhere, HOME=elsewhere)
    assert done.stdout.strip() == "[2.0, 2.0, 2.0] 0"
    assert done.stderr.count("CacheFolderWarning: compiled kernels can't be kept on disk") == 1


@pytest.mark.campaign
def test_a_damaged_cache_warns_and_compiles(copied: Path) -> None:
    kept = copied / "kept"
    run(copied, PROGRAM, NUMBA_CACHE_DIR=f"{kept}")
    files = [*kept.rglob("*.nbc"), *kept.rglob("*.nbi")]
    assert len(files) == 2
    for file in files:
        before = file.read_bytes()
        file.write_bytes(before[: len(before) // 3])
        done = run(copied, PROGRAM, NUMBA_CACHE_DIR=f"{kept}")
        assert done.stdout.strip() == "[2.0, 2.0, 2.0] 0", done.stderr
        assert "CacheFolderWarning" in done.stderr
        file.write_bytes(before)


NUMBA_HIDDEN = """
import sys
sys.modules["numba"] = None
import importlib.util
find = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "numba" else find(name, *rest)
"""


def test_without_numba_the_layer_works(copied: Path) -> None:
    program = (
        NUMBA_HIDDEN
        + """
import torch
from torch_impl import ElmanRNN
layer, theirs = ElmanRNN(3, 5), torch.nn.RNN(3, 5)
theirs.load_state_dict(layer.state_dict())
x = torch.randn(4, 2, 3)
output = layer(x)[0]
output.sum().backward()
print(torch.allclose(output, theirs(x)[0], atol=1e-6))
"""
    )
    done = run(copied, program)
    assert done.stdout.strip() == "True", done.stderr


def test_without_numba_the_engine_says_what_is_missing(copied: Path) -> None:
    done = run(copied, NUMBA_HIDDEN + "import torch_impl.fast")
    assert "ImportError: the fast engine needs numba: pip install numba" in done.stderr
