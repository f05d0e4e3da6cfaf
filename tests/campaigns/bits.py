"""Computes the digests of tests/digests.py in many ways; all must be the expected ones.

python -m tests.campaigns.bits

For the processor as it is, for one with AVX2 and for one without fused multiply-add (each with an
empty kernel cache, and one and two threads), and in ten processes. Exit status 1 if any differs.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from ..digests import EXPECTED

ROOT = Path(__file__).parents[2]
COMMON = "+sse4.2,+sse4.1,+ssse3,+sse3,+popcnt,+cx16"
PROCESSORS = {
    "this one": {},
    "haswell (AVX2)": {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": f"+avx2,+avx,+fma,+f16c,+bmi,+bmi2,{COMMON}",
    },
    "nehalem (SSE4.2)": {"NUMBA_CPU_NAME": "nehalem", "NUMBA_CPU_FEATURES": COMMON},
}
PROCESSES = 10


def computed(environment: dict[str, str], threads: int) -> dict[str, str]:
    """Return the digests of another process."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.digests", "--threads", str(threads)],
        cwd=ROOT, env=os.environ | environment, check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return json.loads(done.stdout)


def main() -> int:
    expected = json.loads(EXPECTED.read_text())
    console, table = Console(), Table("processor", "threads", "processes", "digests", box=None)
    differing = 0
    for name, environment in PROCESSORS.items():
        with tempfile.TemporaryDirectory() as cache:
            for threads in (1, 2):
                times = PROCESSES if not environment and threads == 1 else 1
                found = [
                    computed(environment | {"NUMBA_CACHE_DIR": cache}, threads)
                    for _ in range(times)
                ]
                wrong = {key for one in found for key in expected if one.get(key) != expected[key]}
                differing += len(wrong)
                said = f"{len(wrong)} differ" if wrong else f"all {len(expected)} as expected"
                table.add_row(name, str(threads), str(times), said)
                for key in sorted(wrong):
                    console.print(f"{name}, {threads} threads: {key}", markup=False)
    console.print(table)
    return 1 if differing else 0


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__).parse_args()
    sys.exit(main())
