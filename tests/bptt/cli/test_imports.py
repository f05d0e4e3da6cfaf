"""What the command line imports before it knows which command runs."""

import subprocess
import sys

SLOW = ("torch", "numba", "matplotlib", "scipy")


def test_help_waits_for_no_slow_library() -> None:
    asked = f"import sys, bptt.cli; print(sorted(set(sys.modules) & {set(SLOW)}))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
