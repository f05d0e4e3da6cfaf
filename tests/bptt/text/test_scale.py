"""A large text is never in memory, and starts in seconds the second time.

BPTT_BYTES sets how large it is in the campaign (default 1,000,000,000).
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

LETTERS = np.frombuffer("abcdefghijklmnopqrstuvwxyz     .,\néüж漢".encode("utf-32-le"), np.uint32)
OPEN = """
import sys, time
from pathlib import Path
from bptt.text.encoded import open_corpus, translated
from bptt.text.cache import release
from reference import Vocabulary

def peak():
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status["VmHWM"].split()[0]) / 1024

imports, start = peak(), time.perf_counter()
encoded = open_corpus(sys.argv[1])
seconds = time.perf_counter() - start
symbols, total = encoded.vocabulary, 0
other = translated(encoded.indices, symbols, Vocabulary(symbols.symbols[1:]))
for start in range(0, len(other), 2**20):
    total += int((other[start : start + 2**20] == len(symbols) - 1).sum())
    release(other)
assert total
print(seconds, peak() - imports, len(encoded.indices), encoded.sha256)
"""


def write_text(path: Path, size: int) -> int:
    """Write at least `size` bytes: half of the stretches in ASCII; return how many characters."""
    rng, characters, number = np.random.default_rng(1), 0, 0
    with path.open("wb") as file:
        while file.tell() < size:
            letters = LETTERS[: 34 if number % 2 else None]
            piece = letters[rng.integers(0, len(letters), 2**20)].tobytes().decode("utf-32-le")
            file.write(piece.encode())
            characters, number = characters + len(piece), number + 1
    return characters


def open_text(path: Path) -> tuple[float, float, int, str]:
    """Seconds, and megabytes beyond what the imports take, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", OPEN, path],
        env=os.environ | {"BPTT_CACHE": str(path.parent / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch("(note: the encoded text is kept .*\n)?", done.stderr)
    seconds, megabytes, length, sha256 = done.stdout.split()
    return float(seconds), float(megabytes), int(length), sha256


def assert_scales(path: Path, size: int) -> None:
    __tracebackhide__ = True
    characters = write_text(path, size)
    first, second = open_text(path), open_text(path)
    for number, (seconds, megabytes, length, sha256) in enumerate((first, second), 1):
        print(f"{size:,} bytes, start {number}: {seconds:.1f} s, {megabytes:.0f} MB of memory")
        assert megabytes < 50
        assert length == characters
        assert sha256 == first[3]
    assert second[0] < first[0] / 2


def test_text_of_sixty_megabytes_takes_less_than_fifty(tmp_path: Path) -> None:
    assert_scales(tmp_path / "text.txt", 60_000_000)


@pytest.mark.campaign
def test_large_text_takes_no_more_memory_than_a_small_one(tmp_path: Path) -> None:
    assert_scales(tmp_path / "text.txt", int(os.environ.get("BPTT_BYTES", "1000000000")))
