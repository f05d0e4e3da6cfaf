"""Counting instructions inside a process that runs under valgrind's callgrind.

The process asks callgrind to count, to stop and to write the count into a file by client requests,
which are a sequence of instructions without effect outside of valgrind.
"""

import ctypes
import mmap
import os
import platform
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from .absence import AbsentError

OUT = "BENCHMARK_CALLGRIND"  # of the environment: where callgrind writes, without the number
# "CT" and a number, as in valgrind's callgrind.h
WRITE, ZERO, START, STOP = (0x43540000 + number for number in (0, 1, 4, 5))
# The request's address into rax, 0 into rdx; four rotations of rdi, then xchg rbx, rbx: valgrind.h.
REQUEST = bytes.fromhex("4889f8 31d2 48c1c703 48c1c70d 48c1c73d 48c1c733 4887db 4889d0 c3")

# What valgrind emulates is a processor with AVX2, whatever the real one has; numba is told so.
FEATURES = "+avx2,+avx,+fma,+f16c,+bmi,+bmi2,+sse4.2,+sse4.1,+ssse3,+sse3,+popcnt,+cx16"
PROCESSOR = {"NUMBA_CPU_NAME": "haswell", "NUMBA_CPU_FEATURES": FEATURES}


def command(out: Path) -> tuple[list[str], dict[str, str]]:
    """Return what to put before a worker's command, and its environment. `out` is a new folder."""
    written = out / "callgrind"
    options = ["--tool=callgrind", "--instr-atstart=no", f"--callgrind-out-file={written}"]
    return ["valgrind", *options], PROCESSOR | {OUT: str(written)}


def _requester() -> Callable[[int], None]:
    if platform.machine() not in ("x86_64", "AMD64"):
        raise AbsentError(f"instructions are counted on x86-64 only, not on {platform.machine()}")
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(REQUEST)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    function = ctypes.CFUNCTYPE(ctypes.c_uint64, ctypes.c_void_p)(address)

    def request(code: int) -> None:
        words = (ctypes.c_uint64 * 6)(code)
        function(ctypes.addressof(words))

    request.page = page  # type: ignore[attr-defined] - lives as long as the function
    return request


def counted(work: Callable[[], object], environment: Mapping[str, str] = os.environ) -> int:
    """Return the number of instructions that a call executes, in all threads.

    Raises AbsentError on other processors than x86-64, RuntimeError outside of callgrind.
    """
    if OUT not in environment:
        raise RuntimeError(f"instructions are counted under callgrind, with ${OUT}")
    written, request = Path(environment[OUT]), _requester()
    before = set(written.parent.glob(f"{written.name}.*"))
    request(ZERO)
    request(START)
    try:
        work()
    finally:
        request(STOP)
        request(WRITE)
    (new,) = set(written.parent.glob(f"{written.name}.*")) - before
    return total(new.read_text())


def total(dump: str) -> int:
    """Return the count in a file of callgrind's. Raises ValueError if there is none."""
    found = re.search(r"^totals: (\d+)$", dump, re.MULTILINE)
    if found is None:
        raise ValueError("expected a line with the totals in callgrind's output, found none")
    return int(found[1])
