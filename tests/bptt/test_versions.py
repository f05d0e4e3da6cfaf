"""A run's record of what computed it says the same, whatever else has been imported."""

from typing import Any

import pytest

from bptt import versions
from bptt.versions import Versions


def library(folder: str, version: str) -> dict[str, Any]:
    """A BLAS as threadpoolctl tells of it."""
    return {
        "user_api": "blas", "internal_api": "openblas", "version": version,
        "architecture": "Zen", "filepath": f"/somewhere/site-packages/{folder}/libopenblas.so",
    }  # fmt: skip


def test_blas_is_numpys_and_not_what_else_was_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = library("numpy.libs", "1.2"), library("scipy.libs", "0.9")
    for loaded in ([ours], [theirs, ours], [ours, theirs]):
        monkeypatch.setattr(versions, "threadpool_info", lambda loaded=loaded: loaded)
        assert Versions.current().blas == "openblas 1.2 (Zen)"


def test_blas_of_the_system_is_named_as_numpy_was_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "threadpool_info", lambda: [library("scipy.libs", "0.9")])
    blas = Versions.current().blas
    assert blas
    assert "0.9" not in blas
