"""Bugs planted in the GRU and the LSTM of examples/, one at a time: does the verifier find them?

`python -m tests.campaigns.planted.cells` prints the table; test_planted_cells.py asserts it. What
each bug breaks was worked out by hand from the formulas: which parameters are wrong first, at how
many steps they begin to be, and in what way, where it has a name."""

import argparse
import re
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bptt.verify import Report, verify

EXAMPLES = Path(__file__).parents[3] / "examples"
GRU_GATES = "Wz Uz bz Wr Ur br Wc Uc bc"
CELL = "Wi Ui bi Wf Uf bf Wg Ug bg"
LSTM_GATES = f"{CELL} Wo Uo bo"
DZ = "dz = dnew * (a - c) * z * (1 - z)"
DC = "dc = dnew * (1 - z) * (1 - c**2)"
DR = "dr = dreset * a * r * (1 - r)"
PER_ROW, PER_COLUMN = "each row", "each column"


@dataclass(frozen=True)
class Bug:
    """An edit, what it breaks first, from which T on, and the pattern of the first parameter.

    T is None where there is no such size.
    """

    cell: str
    old: str
    new: str
    wrong: str
    T: int | None
    pattern: str = ""
    folder: Path = EXAMPLES

    @property
    def source(self) -> str:
        text = (self.folder / f"{self.cell}.py").read_text()
        assert text.count(self.old) == 1, self
        return text.replace(self.old, self.new)


GRU = [
    (DZ, "dz = dnew * (a - c) * z * z", "Wz Uz bz", 1, PER_ROW),
    (DZ, "dz = dnew * (c - a) * z * (1 - z)", "Wz Uz bz", 1, "sign"),
    (DZ, "dz = dnew * (a - c) * z", "Wz Uz bz", 1, PER_ROW),
    (DZ, "dz = dnew * a * z * (1 - z)", "Wz Uz bz", 1, PER_ROW),
    (DZ, "dz = dafter * (a - c) * z * (1 - z)", "Wz Uz bz", 2, ""),
    (DC, "dc = dnew * z * (1 - c**2)", "Wc Uc bc Wr Ur br", 1, PER_ROW),
    (DC, "dc = dnew * (1 - z) * (1 - c)", "Wc Uc bc Wr Ur br", 1, PER_ROW),
    (DC, "dc = dnew * (1 - z)", "Wc Uc bc Wr Ur br", 1, PER_ROW),
    (DC, "dc = dnew * (1 - c**2)", "Wc Uc bc Wr Ur br", 1, PER_ROW),
    ("np.outer(dc, r * a)", "np.outer(dc, a)", "Uc", 1, PER_COLUMN),
    ("np.outer(dc, r * a)", "np.outer(r * a, dc)", "Uc", 1, "transposed"),
    ("np.outer(dc, r * a)", "np.outer(dc, r * after)", "Uc", 1, PER_COLUMN),
    ('d["bc"] += dc', 'd["bc"] = dc', "bc", 2, ""),
    ('d["Wc"][:, x] += dc', 'd["Wc"][:, x] = dc', "Wc", 2, ""),
    (DR, "dr = dreset * r * (1 - r)", "Wr Ur br", 1, PER_ROW),
    (DR, "dr = dreset * a * (1 - r)", "Wr Ur br", 1, PER_ROW),
    (DR, "dr = dreset * c * r * (1 - r)", "Wr Ur br", 1, PER_ROW),
    ("np.outer(dr, a)", "np.outer(dr, after)", "Ur", 1, PER_COLUMN),
    ("np.outer(dr, a)", "np.outer(dr, r * a)", "Ur", 1, PER_COLUMN),
    ('dreset = p["Uc"].T @ dc', 'dreset = p["Uc"] @ dc', "Wr Ur br", 1, PER_ROW),
    ("da += dreset * r", "da += dreset", GRU_GATES, 2, ""),
    ("da += dreset * r", "da += 0 * dreset", GRU_GATES, 2, ""),
    ('da += p["Ur"].T @ dr', 'da += p["Ur"] @ dr', GRU_GATES, 2, ""),
    ('da += p["Ur"].T @ dr', "pass", GRU_GATES, 2, ""),
    ('da += p["Uz"].T @ dz', "pass", GRU_GATES, 2, ""),
    ('da += p["Uz"].T @ dz', 'da -= p["Uz"].T @ dz', GRU_GATES, 2, ""),
    ("da += dnew * z", "da += dnew", GRU_GATES, 2, ""),
    ("da += dnew * z", "da += dnew * (1 - z)", GRU_GATES, 2, ""),
    ("da += dnew * z", "da = dnew * z", GRU_GATES, 3, ""),
    ("da = dafter * (1 - m)", "da = dafter * m", GRU_GATES, 2, ""),
    ("dnew = dafter * m", "dnew = dafter", GRU_GATES, 2, ""),
    ("dlogits = n * probabilities", "dlogits = probabilities.copy()", "Wy by", 1, ""),
    ("dlogits[y] -= n", "dlogits[y] -= 1", "Wy by", 1, ""),
    ("np.outer(dlogits, after)", "np.outer(dlogits, a)", "Wy", 1, PER_COLUMN),
    ('dafter = da + p["Wy"].T @ dlogits', 'dafter = p["Wy"].T @ dlogits', GRU_GATES, 2, ""),
    ('d["Wz"][:, x] += dz', 'd["Wz"][:, y] += dz', "Wz", 1, ""),
    ('d["bz"] += dz', 'd["bz"] += 2 * dz', "bz", 1, "constant factor 2"),
    ('d["br"] += dr', "pass", "br", 1, "zero"),
    ('d["Wr"][:, x] += dr', 'd["Wr"][:, x] -= dr', "Wr", 1, "sign"),
    ("np.outer(dz, a)", "np.outer(a, dz)", "Uz", 1, "transposed"),
]

DO = "do = da * squashed * o * (1 - o)"
DF = "df = dcell * cell * f * (1 - f)"
DI = "di = dcell * g * i * (1 - i)"
DG = "dg = dcell * i * (1 - g**2)"
TO_CELL = "dcell = dcell + da * o * (1 - squashed**2)"
RESET = "da, dcell = keep * da, keep * dcell"
LSTM = [
    (DO, "do = da * squashed * o", "Wo Uo bo", 1, PER_ROW),
    (DO, "do = da * cell * o * (1 - o)", "Wo Uo bo", 1, PER_ROW),
    (TO_CELL, "dcell = dcell + da * o * (1 - squashed)", CELL, 1, PER_ROW),
    (TO_CELL, "dcell = dcell + da * o", CELL, 1, PER_ROW),
    (TO_CELL, "dcell = da * o * (1 - squashed**2)", CELL, 2, ""),
    (DF, "df = dcell * g * f * (1 - f)", "Wf Uf bf", 1, PER_ROW),
    (DF, "df = dcell * cell * f", "Wf Uf bf", 1, PER_ROW),
    (DI, "di = dcell * cell * i * (1 - i)", "Wi Ui bi", 1, PER_ROW),
    (DI, "di = dcell * g * i", "Wi Ui bi", 1, PER_ROW),
    (DG, "dg = dcell * f * (1 - g**2)", "Wg Ug bg", 1, PER_ROW),
    (DG, "dg = dcell * i", "Wg Ug bg", 1, PER_ROW),
    ("dcell = dcell * f", "dcell = dcell * i", CELL, 2, ""),
    ("dcell = dcell * f", "pass", CELL, 2, ""),
    ("da = np.zeros(H)\n", "pass\n", LSTM_GATES, 2, ""),
    ('da += p[f"U{gate}"].T @ dgate', 'da += p[f"U{gate}"] @ dgate', LSTM_GATES, 2, ""),
    ("np.outer(dgate, a)", "np.outer(dgate, after)", "Ui Uf Uo Ug", 1, PER_COLUMN),
    ("np.outer(dgate, a)", "np.outer(a, dgate)", "Ui Uf Uo Ug", 1, "transposed"),
    (RESET, "pass", LSTM_GATES, 2, ""),
    (RESET, "da = keep * da", CELL, 2, ""),
    (RESET, "dcell = keep * dcell", LSTM_GATES, 2, ""),
    (RESET, "da, dcell = (1 - keep) * da, (1 - keep) * dcell", LSTM_GATES, 2, ""),
    ('d["by"] += dlogits', 'd["by"] = dlogits', "by", 2, ""),
    ("dlogits[y] -= n", "dlogits[x] -= n", f"{LSTM_GATES} Wy by", 1, ""),
    ('da = da + p["Wy"].T @ dlogits', 'da = p["Wy"].T @ dlogits', LSTM_GATES, 2, ""),
    ('("o", do), ("g", dg)', '("o", dg), ("g", do)', "Wo Uo bo Wg Ug bg", 1, "the gradient of W"),
    ('d[f"b{gate}"] += dgate', 'd[f"b{gate}"] += dgate / T', "bi bf bo bg", 2, "factor 1/T"),
    ("return d\n", 'd["Wy"][0] *= 1.001\n        return d\n', "Wy", 1, "one row (0)"),
    ("return d\n", 'd["bf"][0] += 0.01\n        return d\n', "bf", 1, "one entry (0)"),
    ("return d\n", 'd["Ug"] *= 1 + 1e-9\n        return d\n', "Ug", 1, "constant factor 1+1e-09"),
    (
        "return d\n",
        'd["Wf"] += 0.01 * p["Wf"]\n        return d\n',
        "Wf",
        1,
        "0.01 times the param",
    ),
]

BUGS = [Bug("gru", *bug) for bug in GRU] + [Bug("lstm", *bug) for bug in LSTM]


@dataclass(frozen=True)
class Result:
    """How the verifier did on one bug."""

    bug: Bug
    report: Report

    @property
    def found(self) -> bool:
        return self.report.verdict == "wrong"

    @property
    def named(self) -> set[str]:
        diagnosis = self.report.diagnosis
        return set() if diagnosis is None else {suspect.name for suspect in diagnosis.suspects}

    @property
    def parameter_right(self) -> bool:
        return self.named == set(self.bug.wrong.split())

    @property
    def lag_right(self) -> bool:
        return self.report.diagnosis is not None and self.report.diagnosis.first_T == self.bug.T

    @property
    def patterns(self) -> dict[str, str]:
        diagnosis = self.report.diagnosis
        suspects = () if diagnosis is None else diagnosis.suspects
        return {suspect.name: suspect.pattern for suspect in suspects}

    @property
    def pattern_right(self) -> bool:
        """Whether the pattern was named where it has a name, and none was made up where not."""
        if self.bug.pattern:
            return self.bug.pattern in self.patterns.get(self.bug.wrong.split()[0], "")
        return self.lag_right

    @property
    def size(self) -> dict[str, int]:
        return {} if self.report.smallest is None else self.report.smallest.case.sizes


def run(folder: Path, bugs: list[Bug]) -> Iterator[Result]:
    """Verify each bug's file, written into the folder."""
    for number, bug in enumerate(bugs):
        path = folder / f"planted_{number}.py"
        path.write_text(bug.source)
        yield Result(bug, verify(f"{path}:problem"))


def summary(results: list[Result]) -> dict[str, float]:
    """Return the shares found and named, and the median sizes of the shrunk cases."""
    count = len(results)
    return {
        "found": sum(result.found for result in results) / count,
        "parameter": sum(result.parameter_right for result in results) / count,
        "pattern and lag": sum(r.pattern_right and r.lag_right for r in results) / count,
        "pattern or lag": sum(r.pattern_right or r.lag_right for r in results) / count,
        "median T": statistics.median(
            result.size.get("T", 99) for result in results if result.bug.T is not None
        ),
        "median H": statistics.median(result.size.get("H", 99) for result in results),
    }


def main(bugs: list[Bug]) -> None:
    """Print the table of all bugs, or of those whose edit matches what the command line names."""
    import tempfile

    parser = argparse.ArgumentParser(description="Print the table of all bugs.")
    parser.add_argument("pattern", nargs="?", default="", help="only those whose edit matches it")
    pattern = parser.parse_args().pattern
    wanted = [bug for bug in bugs if re.search(pattern, bug.new)]
    if not wanted:
        parser.error(f"expected a pattern that an edit matches, got {pattern!r}")
    table = Table(box=None, pad_edge=False)
    for column in ("cell", "the bug", "found", "parameter", "T", "pattern", "shrunk to"):
        table.add_column(column, overflow="fold")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for result in run(Path(folder), wanted):
            results.append(result)
            bug = result.bug
            pattern = result.patterns.get(bug.wrong.split()[0], "").partition(":")[0]
            table.add_row(
                bug.cell,
                escape(" ".join(bug.new.split())),
                "yes" if result.found else "NO",
                "right" if result.parameter_right else f"NO: {' '.join(sorted(result.named))}",
                str(bug.T) if result.lag_right else f"NO, not {bug.T}",
                (pattern or "-") if result.pattern_right else f"NO: {pattern or '-'}",
                " ".join(f"{name}={size}" for name, size in result.size.items()),
            )
    console = Console(highlight=False)
    console.print(table)
    for what, figure in summary(results).items():
        console.print(f"{what}: {figure:.4g}")


if __name__ == "__main__":
    main(BUGS)
