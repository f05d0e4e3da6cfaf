"""What is added to, or replaced in, the commands of the pages so that they take seconds.

A command that isn't named here runs as the page has it. test_commands.py refuses an entry that no
page shows any more.
"""

import re
from dataclasses import dataclass, replace

LIMIT = 600.0  # seconds: on a busy machine, too
COMPILING = 900.0  # where a clone compiles all kernels first
# What the pages write where a reader puts something; clone.py makes these files.
PLACEHOLDERS = {
    "FILE.py:NAME": "examples/gru.py:problem",
    "FILE.py:layer_norm": "examples/backward_passes.py:layer_norm",
    "TESTS.py::test": "flashrnn_elman.py::test_sizes_float32",
    "FILE": "protocol.toml",
    "CORPUS": "novel.txt",
    "TEXT": "novel.txt",
    "DIR": "out",
    "FOLDER": "runs/novel",
    "RUN": "runs/novel",
}
WORD = re.compile(r"(?<![\w./])(" + "|".join(map(re.escape, PLACEHOLDERS)) + r")(?![\w.:])")


@dataclass(frozen=True)
class Change:
    """How a command is changed. `why` is for what isn't there to make it short.

    `add` comes last, `environment` first; `before` runs before it, for what it needs. `status` is
    the exit status that is expected, and after `limit` seconds the command has failed.
    """

    add: str = ""
    instead: tuple[str, str] = ("", "")
    environment: str = ""
    before: str = ""
    status: int = 0
    limit: float = LIMIT
    why: str = ""

    def applied(self, shown: str) -> str:
        """Return the command line that is run."""
        old, new = self.instead
        if old not in shown:
            raise ValueError(f"expected {old!r} in the command {shown!r}")
        command = shown.replace(old, new) if old else shown
        command = WORD.sub(lambda found: PLACEHOLDERS[found[0]], command)
        line = " ".join(filter(None, [self.environment, command, self.add]))
        return f"{self.before} && {line}" if self.before else line


SHORT = "--iterations 20 --validate-every 10 --sample-every 20"
NEW = "--out runs/new"
ONE_TEST = Change(environment="PYTEST_ADDOPTS='tests/test_strategies.py'", limit=COMPILING)
SEARCH = (
    "python -m benchmarks baseline campaign search --space rnn --trials 1 --characters 65536 "
    "--validations 8 --corpus novel.txt --out out/rnn"
)
ADOPT = "python -m benchmarks baseline campaign adopt out/rnn --name record-512 --characters 65536"
FINALISTS = (
    "python -m benchmarks baseline campaign finalists --protocol record-512 --seeds 1 "
    "--corpus novel.txt --out out/finalists"
)
BUG = "it shows a bug: 1 is the exit status of a gradient that is wrong"
NAMED = "named without its argument"
FETCHED = "the page's text is fetched from the network"
SHORT_SEARCH = Change(
    add="--corpus novel.txt --trials 2 --characters 65536 --validations 8", why=FETCHED
)

CHANGES = {
    # README.md, and what other pages repeat of it
    "git clone <this repository> bptt && cd bptt": Change(
        instead=("<this repository>", "$(git -C $REPOSITORY rev-parse --show-toplevel) --shared"),
        before="mkdir elsewhere && cd elsewhere",
        why="the repository is this one",
    ),
    "make": Change(environment="ARGS='--iterations 20'"),
    "make demo": Change(environment="ARGS='--iterations 2000'"),
    "make test": ONE_TEST,
    "make campaign": replace(
        ONE_TEST, environment="PYTEST_ADDOPTS='tests/torch_impl/kernels/test_compiled.py'"
    ),
    "make lint": Change(before="rm *.py", why="a reader's own files are not the project's"),
    "make format": Change(before="rm *.py", why="a reader's own files are not the project's"),
    "make planted": Change(environment="ARGS='numpy --only target'", limit=COMPILING),
    "make false-alarms": Change(environment="ARGS='100 7'"),
    "make museum": Change(environment="ARGS='--only \"subtraction sign\"'"),
    "make kills": Change(environment="ARGS='--kills 2'", limit=COMPILING),
    "make crashes": Change(environment="ARGS='power-cuts --every 200'"),
    "make fuzz": Change(environment="ARGS='--files 500'"),
    "make bench": Change(
        environment="ARGS='--profile quick --only training --repeats 2 --engine fast'"
    ),
    "python -m tests.campaigns.false_alarms 4000 7": Change(instead=("4000", "100")),
    "bptt verify examples/gru_with_a_bug.py:problem --html page.html": Change(status=1, why=BUG),
    "bptt verify examples/softplus_with_a_bug.py:softplus --html page.html": Change(
        status=1, why=BUG
    ),
    "bptt audit TESTS.py::test": Change(status=1, why="that test doesn't see a factor of 1.001"),
    "bptt audit flashrnn_elman.py": Change(status=1, why="as the page says"),
    "bptt train": Change(add=SHORT),
    "bptt train novel.txt --engine fast --hidden 256 --lanes 16 --iterations 50000 --out runs/novel": Change(
        add="--iterations 20", before="rm -r runs/novel", why="it makes that folder"
    ),
    "bptt train novel.txt --seeds 5 --jobs 2": Change(add=SHORT),
    "bptt train --resume runs/novel": Change(add="--iterations 60"),
    "bptt train other.txt --init-from runs/novel": Change(add=SHORT),
    "python -m benchmarks speed --profile regular --only training --repeats 7 --out DIR": Change(
        add="--profile quick --repeats 2 --engine fast --engine autograd"
    ),
    "bptt reproduce benchmarks/baseline/protocols/NAME.toml": Change(
        instead=("NAME", "notebook-128")
    ),
    "python -m tests.campaigns.planted.hints": Change(add="bh"),
    # docs/
    "bptt verify": Change(add="--cases 3 --budget 5"),
    "python -m pytest -m campaign -s tests/campaigns/test_audit.py": Change(add="-k apex"),
    "python -m pytest tests/bptt/verify/network/test_tolerances.py -m campaign -s": Change(
        add="-k float32"
    ),
    "python -m tests.campaigns.compare_checkers": Change(add="factor"),
    "make commands": Change(environment="ARGS=certify.md:"),
    "bptt": Change(status=2, why="without a command it shows the help, and 2 says so"),
    "bptt audit": Change(add="flashrnn_elman.py", status=1, why=NAMED),
    "bptt certify": Change(add="novel.txt --hidden 8 --trained-iterations 20", why=NAMED),
    "bptt find-the-bug": Change(add="--out bug.html", why=NAMED),
    "bptt watch": Change(add="runs/novel --out watch.html", why=NAMED),
    "bptt reproduce": Change(add="runs/novel", why=NAMED),
    "bptt eval": Change(add="runs/novel", why=NAMED),
    "bptt eval --windows N": Change(instead=("N", "16"), add="runs/novel", why=NAMED),
    "bptt reproduce card.md --init-from RUN": Change(
        before=f"bptt train other.txt --init-from runs/novel {SHORT} --out runs/second && cp runs/second/card.md .",
        why="the card is of a run that began with another's weights",
    ),
    "bptt train TEXT --init-from RUN": Change(add=SHORT),
    "bptt train TEXT --resume RUN": Change(add="--iterations 60"),
    "OMP_NUM_THREADS=1 bptt train …": Change(instead=("…", "novel.txt"), add=SHORT),
    "torchrun --nproc-per-node 2 -m bptt train … --engine fast --lanes 64 --out RUN": Change(
        instead=(
            "… --engine fast --lanes 64 --out RUN",
            "novel.txt --engine fast --lanes 64 " + NEW,
        ),
        add=SHORT,
        limit=COMPILING,
        why="RUN is a new folder",
    ),
    "torchrun --nproc-per-node 2 --max-restarts 3 -m bptt train CORPUS --engine fast --lanes 64 --out RUN": Change(
        instead=("--out RUN", NEW), add=SHORT, limit=COMPILING, why="RUN is a new folder"
    ),
    "bptt train tinyshakespeare --config benchmarks/baseline/protocols/best-256.toml --seeds 5": Change(
        instead=("tinyshakespeare", "novel.txt"),
        add=f"{SHORT} --warmup 2",
        limit=COMPILING,
        why=FETCHED,
    ),
    "python -m benchmarks baseline parity --out DIR": Change(
        add="--corpus python-docs --iterations 20 --every 10 --seeds 1", why=FETCHED
    ),
    "python -m benchmarks baseline campaign search --space rnn --trials 24 --characters 20000000 --out DIR/rnn --jobs 2": SHORT_SEARCH,
    "python -m benchmarks baseline campaign search --space lstm --trials 24 --characters 20000000 --out DIR/lstm --jobs 2": SHORT_SEARCH,
    "python -m benchmarks baseline campaign adopt DIR/rnn --name record-512 --characters 40000000": Change(
        before=SEARCH, why="it adopts a search's best trial"
    ),
    "python -m benchmarks baseline campaign finalists --protocol record-512 --seeds 5 --out DIR/finalists --jobs 2": Change(
        add="--corpus novel.txt --seeds 2", before=f"{SEARCH} && {ADOPT}", why=FETCHED
    ),
    "python -m benchmarks baseline campaign table DIR/finalists --counts": Change(
        before=f"{SEARCH} && {ADOPT} && {FINALISTS}", why="it puts finalists into a table"
    ),
    "python -m benchmarks baseline peer": Change(
        add="novel.txt --config peer.toml --out runs/peer",
        before="sed -e 's/^iterations.*/iterations = 2/' -e 's/^warmup.*/warmup = 0/' "
        "-e 's/^validate_every.*/validate_every = 1/' "
        "benchmarks/baseline/protocols/peers/tinyshakespeare-gru-512.toml > peer.toml",
        why=NAMED,
    ),
    "python -m benchmarks baseline search --space wide|near|rate --out DIR": Change(
        instead=("wide|near|rate", "rate"),
        add="--corpus python-docs --hidden 8 --trials 1 --characters 10000",
        why=FETCHED,
    ),
    "make bits": Change(limit=3600, why="it compiles all kernels for three processors"),
    "python -m tests.museum": Change(add="--only 'subtraction sign'"),
    "python -m tests.museum --page docs/museum.md": Change(add="--only 'subtraction sign'"),
    "python -m benchmarks scaling --out DIR": Change(
        add="--rounds 3 --seconds 0.01", limit=COMPILING
    ),
    "python -m tests.campaigns.planted numpy torch-float64 torch-float32 fast-float64 fast-float32 layer rules": Change(
        instead=(
            "numpy torch-float64 torch-float32 fast-float64 fast-float32 layer rules",
            "numpy --only target",
        ),
        limit=COMPILING,
    ),
    "python -m benchmarks speed --profile regular --only layer --repeats 3 --out DIR": Change(
        add="--profile quick --repeats 2 --engine passes", limit=COMPILING
    ),
    "python -m benchmarks stacks --rounds 3 --out DIR": Change(
        add="--seconds 0.001 --threads 1 --lanes 1 --hidden 64", limit=COMPILING
    ),
    "python -m benchmarks instructions --out DIR": Change(
        add="--only training --engine fast", limit=3600, why="valgrind is slow"
    ),
    "python -m tests.campaigns.lower_precision": Change(add="50 2"),
    "python -m tests.campaigns.planted.cells": Change(add="dafter"),
}

NOT_RUN = {
    "make bits-arm64": "needs packages from the network, and an emulator",
    "make bits bits-arm64": "its two halves are `make bits` and `make bits-arm64`",
    ".venv/bin/python -m benchmarks published-run kafka.txt": "the notebook's corpus isn't public",
    "py -m venv .venv": "Windows; make does the same on Linux",
    r".venv\Scripts\pip install -c constraints.txt -e .": "Windows; make does the same on Linux",
    r".venv\Scripts\bptt train": "Windows; `bptt train` is run",
    "pip install pytest": "network",
    ".venv/bin/pip install tensorboard": "network",
}
