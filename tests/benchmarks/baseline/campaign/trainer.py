"""A program that takes the place of `bptt train`: a folder, a log, signals, but no network.

Its validation loss falls from 6 bits as learning_rate / iteration does; above 0.9 it breaks down in
iteration 20, and at 0.8 it fails.
"""

import argparse
import json
import signal
import sys
import time
import tomllib
from pathlib import Path


def bits(rate: float, iteration: int) -> float:
    return 6.0 - rate * iteration**0.5


def main(arguments: list[str]) -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("corpus", nargs="?")
    for name in ("config", "out", "resume"):
        reader.add_argument(f"--{name}", type=Path)
    given = reader.parse_args(arguments)
    folder = given.resume
    if folder is None:
        folder = given.out
        folder.mkdir()
        (folder / "config.toml").write_bytes(given.config.read_bytes())
    settings = tomllib.loads((folder / "config.toml").read_text())
    rate, stopped = settings["learning_rate"], []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    log, saved = folder / "log.jsonl", folder / "saved.txt"
    done = int(saved.read_text()) if saved.exists() else 0
    known = log.read_text().splitlines() if log.exists() else []
    kept = [line for line in known if json.loads(line)["iteration"] <= done]
    log.write_text("".join(line + "\n" for line in kept))
    for iteration in range(done + 1, settings["iterations"] + 1):
        time.sleep(0.002)
        if rate == 0.8:
            sys.exit("error: the disk is full")
        if rate > 0.9 and iteration == 20:
            sys.exit("error: training broke down in iteration 20")
        if iteration % settings["validate_every"] == 0:
            entry = {"iteration": iteration, "loss": 1.0, "smooth_loss": 1.0, "seconds": iteration,
                     "bits_per_character": 1.0, "characters": iteration * 64,
                     "learning_rate": rate, "validation_bits": bits(rate, iteration)}  # fmt: skip
            with log.open("a") as file:
                file.write(json.dumps(entry) + "\n")
        if stopped:
            saved.write_text(str(iteration))
            sys.exit(143)
    (folder / "results.json").write_text("{}")


if __name__ == "__main__":
    main(sys.argv[1:])
