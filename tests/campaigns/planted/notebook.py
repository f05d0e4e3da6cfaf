"""Execute the notebook in Jupyter's kernel: as it stands, filled in right, and with a mistake.

python -m tests.campaigns.planted.notebook

Needs `pip install -e .[docs]`. Exit status 1 unless every grade is what it should be.
"""

import argparse
import json
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from .readers import CELLS

PATH = Path(__file__).parents[3] / "notebooks" / "write_it_yourself.ipynb"
RIGHT = CELLS | {"clip": CELLS["clip"].replace("def backward(", "def backward_with_clip(")}
MISTAKES = RIGHT | {"backward": RIGHT["backward"].replace("Wha.T @ dh", "Wha @ dh")}


def sources(filled: dict[str, str]) -> dict[str, str]:
    """Return the code of each cell by its id, with some cells filled in."""
    cells = json.loads(PATH.read_text(encoding="utf-8"))["cells"]
    code = {cell["id"]: "".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"}
    return code | filled


def in_a_kernel(filled: dict[str, str]) -> dict[str, str]:
    """Execute the notebook with nbclient; return what each graded cell prints."""
    nbformat = import_module("nbformat")  # of the extra `docs`: not there in every environment
    notebook = nbformat.read(PATH, as_version=4)
    for cell in notebook.cells:
        cell.source = filled.get(cell.id, cell.source)
    client = import_module("nbclient").NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        resources={"metadata": {"path": PATH.parents[1]}},
    )
    client.execute()
    return {
        cell.id.removesuffix("-grade"): "".join(out.text for out in cell.outputs)
        for cell in notebook.cells
        if cell.id.endswith("-grade")
    }


def as_expected(run: Callable[[dict[str, str]], dict[str, str]]) -> bool:
    """Run the notebook three times and say whether each grade is what it should be."""
    blank, right, wrong = run({}), run(RIGHT), run(MISTAKES)
    for name, made in (("blank", blank), ("right", right), ("with a mistake", wrong)):
        for cell, text in made.items():
            print(f"{name}, {text.strip() or cell + ' printed nothing'}")
    return (
        all("not yet right." in text for text in blank.values())
        and all(text.startswith(f"{cell}: right.") for cell, text in right.items())
        and "you multiplied by Wha and not by its transpose" in wrong["backward"]
        and len(blank) == len(right) == len(CELLS)
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    sys.exit(0 if as_expected(in_a_kernel) else 1)
