"""Computes the digests of tests/digests.py on arm64, under emulation; all must be as expected.

python -m tests.campaigns.arm64 [--folder DIR]

Brings Debian's Python for arm64 and wheels of what it needs into DIR. Needs Debian with python3.11
in its packages, qemu-aarch64-static (package qemu-user-static), and arm64 among dpkg's
architectures (dpkg --add-architecture arm64; apt-get update). Exit status 1 if any digest differs.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ..digests import EXPECTED

ROOT = Path(__file__).parents[2]
EMULATOR = "qemu-aarch64-static"
PACKAGES = """
python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libc6 libgcc-s1 libstdc++6 zlib1g
libexpat1 libffi8 libssl3 libbz2-1.0 liblzma5 libuuid1 libgomp1
"""
# The last torch whose wheels for arm64 don't ask for CUDA's libraries.
WHEELS = """
torch==2.6.0 sympy==1.13.1 numpy numba llvmlite pydantic pydantic-core annotated-types
typing-extensions typing-inspection jaxtyping wadler-lindig threadpoolctl safetensors mpmath
networkx jinja2 markupsafe fsspec filelock
"""
PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_17_aarch64", "manylinux_2_27_aarch64",
             "manylinux_2_28_aarch64")  # fmt: skip


def bring(folder: Path) -> None:
    """Unpack Python for arm64 into folder/root and the wheels into folder/site."""
    packages = folder / "packages"
    packages.mkdir(parents=True, exist_ok=True)
    names = [f"{name}:arm64" for name in PACKAGES.split()]
    subprocess.run(["apt-get", "download", "-q", *names], cwd=packages, check=True)
    for package in packages.glob("*.deb"):
        subprocess.run(["dpkg", "-x", package, folder / "root"], check=True)
    constraints = folder / "constraints.txt"
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    kept = [line for line in lines if not line.startswith(("torch==", "sympy=="))]
    constraints.write_text("\n".join(kept) + "\n")
    platforms = [word for one in PLATFORMS for word in ("--platform", one)]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder / "site",
         *platforms, "--python-version", "3.11", "--implementation", "cp", "--no-deps",
         "--only-binary=:all:", "--constraint", constraints, *WHEELS.split()],
        env=os.environ | {"PIP_CONSTRAINT": ""}, check=True,
    )  # fmt: skip


def computed(folder: Path) -> dict[str, str]:
    """Return the digests of an emulated process, with an empty kernel cache."""
    with tempfile.TemporaryDirectory() as cache:
        done = subprocess.run(
            [EMULATOR, "-L", folder / "root", folder / "root/usr/bin/python3.11",
             "-m", "tests.digests"],
            cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True,
            env=os.environ | {
                "PYTHONPATH": f"{folder / 'site'}:{ROOT}", "PYTHONHOME": str(folder / "root/usr"),
                "NUMBA_CACHE_DIR": cache, "PYTHONDONTWRITEBYTECODE": "1",
            },
        )  # fmt: skip
    return json.loads(done.stdout)


def main(folder: Path) -> int:
    if shutil.which(EMULATOR) is None:
        print(f"needs {EMULATOR}: apt-get install qemu-user-static", file=sys.stderr)
        return 2
    folder = folder.resolve()
    if not (folder / "site").exists():
        bring(folder)
    expected, found = json.loads(EXPECTED.read_text()), computed(folder)
    wrong = [name for name in expected if found.get(name) != expected[name]]
    for name in wrong:
        print(f"differs: {name}")
    print(f"arm64: {len(expected) - len(wrong)} of {len(expected)} digests as expected")
    return 1 if wrong else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "out/arm64")
    sys.exit(main(parser.parse_args().folder))
