"""reference/ can be lifted out: it imports NumPy, and jaxtyping for its signatures."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import reference

FOLDER = Path(reference.__file__).parent
ALLOWED = {"numpy", "jaxtyping"}


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.py")), ids=lambda file: file.name)
def test_only_numpy_is_imported(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            roots = {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            roots = {str(node.module).partition(".")[0]}
        else:
            continue
        assert roots <= ALLOWED | sys.stdlib_module_names


def test_a_copy_runs_elsewhere(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "reference")
    program = (
        "import reference\n"
        "assert reference.__file__.startswith('.') or 'copied' in reference.__file__\n"
        "run = reference.train('ab' * 20, reference.Hyperparameters(hidden_size=2,"
        " seq_length=3, iterations=5))\n"
        "print(len(run.losses))"
    )
    elsewhere = tmp_path.rename(tmp_path.with_name("copied"))
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=elsewhere, capture_output=True, text=True, check=True
    )
    assert done.stdout == "5\n"
