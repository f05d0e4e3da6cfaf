"""A folder that looks like a fresh clone, with the files that the pages' commands are given."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from pydoc_data.topics import topics

from .shown import README, ROOT, programs

# Of a run, or of pytest: a command of the clone must not inherit them.
FOREIGN = re.compile(
    r"(PYTEST_|COVERAGE_|TORCHELASTIC_|MAKE|MFLAGS|ARGS$|PIP_CONSTRAINT|VIRTUAL_ENV)"
)
LINKED = ("ruff", "pyright", "pyright-langserver", "torchrun", "pytest", "tensorboard", "pip")
LAYER_NORM = """
import torch


class LayerNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight):
        centred = x - x.mean(-1, keepdim=True)
        scale = (centred.square().mean(-1, keepdim=True) + 1e-5).rsqrt()
        ctx.save_for_backward(centred * scale, scale, weight)
        return centred * scale * weight

    @staticmethod
    def backward(ctx, dy):
        normed, scale, weight = ctx.saved_tensors
        d = dy * weight
        d = d - d.mean(-1, keepdim=True) - normed * (d * normed).mean(-1, keepdim=True)
        return d * scale, (dy * normed).sum(0)


"""
WARM_UP = "python -m tests.warm_up"
SHARED = (
    "torchrun --nproc-per-node 2 -m bptt train novel.txt --engine fast --hidden 8 --lanes 4 "
    "--iterations 4 --out runs/shared && rm -r runs/shared"
)
TRAINING = (
    "bptt train novel.txt --engine fast --hidden 8 --iterations 40 --validate-every 20 "
    "--checkpoint-every 20 --sample-every 40 --out runs/novel"
)
GRADIENT = """
        states = [0 * p["b"]]
        for _ in range(T):
            states.append(np.tanh(p["U"] @ states[-1] + p["b"]))
        slope, gradients = np.ones(H), {name: 0 * value for name, value in p.items()}
        for before, after in zip(states[-2::-1], states[:0:-1]):
            slope = slope * (1 - after**2)
            gradients["U"] += np.outer(slope, before)
            gradients["b"] += slope
            slope = p["U"].T @ slope
        return gradients
"""


def copy_tree(folder: Path) -> None:
    """Copy all but what .gitignore names; of that the compiled files, too, which saves minutes."""
    names = {line.strip() for line in (ROOT / ".gitignore").read_text("utf-8").splitlines()}
    everywhere = {name.strip("/") for name in names if not name.startswith("/")} - {"__pycache__"}
    on_top = {name.strip("/") for name in names if name.startswith("/")} | {".git"}

    def ignored(directory: str, found: list[str]) -> set[str]:
        return set(found) & (everywhere | on_top if Path(directory) == ROOT else everywhere)

    shutil.copytree(ROOT, folder, ignore=ignored, symlinks=True)


def environment(clone: Path) -> dict[str, str]:
    """Return the environment of a shell in the clone, its .venv activated."""
    kept = {name: value for name, value in os.environ.items() if not FOREIGN.match(name)}
    return kept | {
        "PATH": f"{clone / '.venv/bin'}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(clone),  # stands for the editable install
        "BPTT_CACHE": str(clone / ".venv/cache"),
        "COLUMNS": "100",
        "REPOSITORY": str(ROOT),
    }


def install(clone: Path) -> None:
    """Make a .venv in which the running interpreter stands for python, and nothing is installed."""
    scripts = clone / ".venv/bin"
    scripts.mkdir(parents=True)
    (clone / ".venv/lib").symlink_to(Path(sys.prefix) / "lib")  # where pyright looks
    for name, words in (("python", ""), ("bptt", " -m bptt")):
        (scripts / name).write_text(f'#!/bin/sh\nexec "{sys.executable}"{words} "$@"\n', "utf-8")
        (scripts / name).chmod(0o755)
    for name in LINKED:
        if (program := Path(sysconfig.get_path("scripts")) / name).exists():
            (scripts / name).symlink_to(program)
    for name in ("run", "dev", "bench", "docs"):
        (clone / f".venv/.{name}").touch()


def write_files(clone: Path) -> None:
    """Write the texts and the Python files that the pages speak of."""
    novel = "Once upon a time.\n" + topics["typesseq"][:20_000]
    known = set(novel[:16_000])
    other = "".join(character for character in topics["assignment"] if character in known)
    for name, text in (("novel", novel), ("other", other[:6000]), ("poem", other[6000:6800])):
        (clone / f"{name}.txt").write_text(text, "utf-8")
    shown = next(one.code for one in programs(README) if "return GradientProblem(" in one.code)
    mine = shown.replace(" ...  # yours\n", GRADIENT)
    if mine == shown:
        raise ValueError("README.md: expected a gradient to fill in, `...  # yours`, in mine.py")
    (clone / "mine.py").write_text(LAYER_NORM + mine, "utf-8")
    for path in (ROOT / "tests/bptt/verify/audit/public").glob("*.py"):
        if path.name != "__init__.py":
            shutil.copy(path, clone)


def write_run(clone: Path) -> None:
    """Compile the kernels; train a short run, runs/novel; take its card and protocol."""
    for command in (WARM_UP, SHARED, TRAINING):
        done = subprocess.run(
            ["bash", "-e", "-c", command], cwd=clone, env=environment(clone), text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"{command} failed:\n{done.stdout}")
    card = (clone / "runs/novel/card.md").read_text("utf-8")
    (clone / "card.md").write_text(card, "utf-8")
    (clone / "protocol.toml").write_text(
        re.findall(r"```toml\n(.*?)```", card, re.DOTALL)[-1], "utf-8"
    )


def make(folder: Path, *, run: bool = True) -> Path:
    """Make the clone, folder/bptt, and return its path; `run`: with a trained run."""
    clone = folder / "bptt"
    copy_tree(clone)
    install(clone)
    write_files(clone)
    if run:
        write_run(clone)
    return clone


def another(clone: Path, folder: Path) -> Path:
    """Copy a clone, so that no command finds what another one left; return the copy's path."""
    copy = Path(tempfile.mkdtemp(dir=folder)) / "bptt"
    shutil.copytree(clone, copy, symlinks=True)
    return copy
