"""The audit's thresholds at the tolerances of five public test files, compared with a formula.

allclose of a gradient g with g (1 + e) first fails where |e| = rtol + atol / max |g|. With -s, the
table of docs/audit.md is printed.
"""

import importlib.util
import shutil
import statistics
import sys
from pathlib import Path
from types import ModuleType

import pytest

from bptt.verify.audit.auditing import audit

from ..bptt.verify.audit import public

FOLDER = Path(public.__file__).parent
NAMES = (
    "flashrnn_elman", "causal_conv1d", "apex_rms_norm", "xformers_layer_norm", "liger_layer_norm",
)  # fmt: skip
DRAWS = 25  # of tests with random gradients

pytestmark = pytest.mark.campaign


def module_of(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules.pop("norms", None)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_thresholds_at_public_tolerances_are_those_of_the_formula_within_a_factor_of_2(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = module_of(name, monkeypatch)
    drawn = [module.expected() for _ in range(DRAWS)]
    for file in FOLDER.glob("*.py"):
        if file.name != "__init__.py":
            shutil.copy(file, tmp_path)  # away from this project's own settings of pytest
    monkeypatch.chdir(tmp_path)
    report = audit(f"{name}.py")
    (function,) = report.functions
    found = {gradient.name: gradient for gradient in function.gradients}
    print()
    for gradient, (rtol, atol) in module.TOLERANCES.items():
        largest = statistics.median(float(one[gradient].abs().max()) for one in drawn)
        by_hand = rtol + atol / largest
        threshold = found[gradient].factor
        assert threshold is not None
        if by_hand > 0.75:
            assert threshold.seen is None
        else:
            assert threshold.seen is not None
            assert by_hand / 2 < threshold.seen < 2 * by_hand
        seen = "none up to 0.5" if threshold.seen is None else f"{threshold.seen:.2g}"
        missed = ", ".join(found[gradient].missed) or "nothing"
        print(f"| {name} | {gradient} | {rtol:g} | {atol:g} | {by_hand:.2g} | {seen} | {missed} |")
    print(report.summary)
