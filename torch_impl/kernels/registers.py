"""The registers of the processor that kernels are compiled for."""

import platform

from llvmlite import binding
from numba.core import config


def cpu_features() -> dict[str, bool]:
    """Return the processor features that numba compiles for, by LLVM's names.

    They are the host's, unless NUMBA_CPU_FEATURES names others, as in "+avx,+avx2,+fma".
    """
    given: str | None = config.CPU_FEATURES  # pyright: ignore[reportAttributeAccessIssue]
    if given is None:
        return dict(binding.get_host_cpu_features())
    return {name[1:]: name[0] == "+" for name in given.split(",") if name}


def _register_bytes() -> int:
    features = cpu_features()
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx") or features.get("avx2") else 16


REGISTER_BYTES = _register_bytes()
# A processor with AVX-512 has 32, as has every arm64.
IS_SHORT_OF_REGISTERS = platform.machine() in ("x86_64", "AMD64") and REGISTER_BYTES < 64
REGISTERS = 16 if IS_SHORT_OF_REGISTERS else 32
