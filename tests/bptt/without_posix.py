"""Runs the program's commands in this folder, with what only POSIX has hidden from its modules.

    python -m tests.bptt.without_posix

Libraries keep their own: theirs is to know all systems. What Windows has is listed after CPython's
documentation of os, signal and mmap.
"""

import argparse
import builtins
import importlib
import mmap
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

HIDDEN_FROM = ("bptt", "reference", "torch_impl")
MISSING = ("fcntl", "grp", "posix", "pty", "pwd", "resource", "syslog", "termios", "tty")
POSIX_ONLY = (
    "O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "WNOHANG", "chown", "confstr", "fchmod",
    "fork", "forkpty", "getegid", "geteuid", "getgid", "getgroups", "getloadavg", "getpgid",
    "getuid", "killpg", "lockf", "mkfifo", "nice", "openpty", "posix_fadvise", "posix_fallocate",
    "posix_spawn", "pread", "pwrite", "register_at_fork", "sched_getaffinity", "sched_yield",
    "sendfile", "setsid", "statvfs", "sync", "sysconf", "uname", "wait", "waitid",
)  # fmt: skip
SIGNALS = ("SIGABRT", "SIGFPE", "SIGILL", "SIGINT", "SIGSEGV", "SIGTERM", "SIG_DFL", "SIG_IGN")
OF_SIGNAL = ("Handlers", "Signals", "default_int_handler", "getsignal", "raise_signal", "signal")
PROBLEM = """
from bptt.verify import GradientProblem


def problem(H, rng):
    p = {"w": rng.standard_normal(H)}
    return GradientProblem(p, lambda p: (p["w"] ** 2).sum(), lambda p: {"w": 2 * p["w"]})
"""


def open_but_no_folder(path: Any, *given: Any, **named: Any) -> int:
    if Path(path).is_dir():
        raise PermissionError(13, "Permission denied", str(path))
    return os.open(path, *given, **named)


def imitations() -> dict[str, ModuleType]:
    """Make os, signal and mmap as Windows has them."""
    names: Mapping[ModuleType, Sequence[str]] = {
        os: [name for name in vars(os) if name not in POSIX_ONLY],
        signal: [*SIGNALS, *OF_SIGNAL],
        mmap: ["ACCESS_READ", "ACCESS_WRITE", "ACCESS_COPY", "ACCESS_DEFAULT", "PAGESIZE", "mmap"],
    }
    made = {}
    for module, kept in names.items():
        made[module.__name__] = ModuleType(module.__name__)
        vars(made[module.__name__]).update({name: getattr(module, name) for name in kept})
    vars(made["os"])["open"] = open_but_no_folder
    return made


def hide() -> None:
    """From here on, the program's modules import what Windows has."""
    real, imitated = builtins.__import__, imitations()

    def import_for(name: str, globals: Any = None, locals: Any = None, *more: Any) -> Any:  # noqa: A002 - Python's own names
        importer = (globals or {}).get("__name__", "").partition(".")[0]
        top, level = name.partition(".")[0], more[1] if len(more) > 1 else 0
        if importer in HIDDEN_FROM and level == 0:
            if top in MISSING:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            if top in imitated and name != "os.path":
                return imitated[top]
        return real(name, globals, locals, *more)

    builtins.__import__ = import_for


def run(*arguments: str) -> None:
    main = importlib.import_module("bptt.cli").main
    sys.argv = ["bptt", *arguments]
    print("$", *sys.argv, flush=True)
    try:
        main()
    except SystemExit as end:
        if end.code:
            raise


def run_all() -> None:
    hide()
    vars(importlib.import_module("bptt.text.corpora"))["IN_MEMORY"] = (
        100  # so that the text is mapped
    )
    small = ["--hidden", "4", "--seq-length", "5", "--validate-every", "20", "--iterations"]
    Path("problem.py").write_text(PROBLEM)
    run("corpora")
    run("train", "text.txt", *small, "40", "--out", "run")
    run("train", "--resume", "run", "--iterations", "60")
    run("train", "text.txt", *small, "20", "--seeds", "2", "--jobs", "2", "--out", "many")
    run("sample", "run", "--temperature", "0.7")
    run("eval", "run")
    run("eval", "run", "text.txt")
    run("compare", "run", "many", "--out", "curves.png")
    run("verify", "problem.py:problem", "--cases", "5")
    run("lockstep", "text.txt", "--hidden", "4", "--iterations", "2", "--free", "2", "--against",
        "torch", "--out", "lockstep")  # fmt: skip
    print("All ran.")


if __name__ == "__main__":
    argparse.ArgumentParser(
        description="Run the commands without what only POSIX has."
    ).parse_args()
    run_all()
