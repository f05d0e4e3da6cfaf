"""Every module that writes shapes into its signatures is run with them checked."""

import tomllib
from pathlib import Path

import pytest
import torch

import torch_impl

ROOT = Path(__file__).parents[1]
CHECKS_ITSELF = {"bptt.models.network"}  # and its tests see what it says of wrong input
COMPILED = {ROOT / "torch_impl" / name for name in ("fast", "kernels")}


def test_modules_with_shapes_are_those_that_are_checked() -> None:
    options = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    (listed,) = (text for text in options["addopts"] if text.startswith("--jaxtyping-packages="))
    checked = {*listed.partition("=")[2].split(",")[:-1]}
    with_shapes = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in ("torch_impl", "bptt")
        for path in (ROOT / package).rglob("*.py")
        if COMPILED.isdisjoint(path.parents) and "from jaxtyping import" in path.read_text()
    } - CHECKS_ITSELF
    assert checked == with_shapes | {"reference"}


def test_a_wrong_shape_is_noticed() -> None:
    parameters = torch_impl.initialize_parameters(vocab_size=3, hidden_size=2)
    row = torch.zeros(1, 2, dtype=torch.float64)
    with pytest.raises(TypeError, match="Type-check error"):
        torch_impl.forward_step(parameters, row.T, row)
