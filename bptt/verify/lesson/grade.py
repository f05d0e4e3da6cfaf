"""What a reader is told: right or wrong, which line is wrong, and in which way."""

from dataclasses import dataclass

from ..checker.report.report import Report

NAMES = {"a0": "the initial state"}


class NotReturned(Exception):  # noqa: N818 - it is told to the reader, who has to go on
    """Raised where a reader's function returns something else than it has to."""


@dataclass(frozen=True)
class Hint:
    """A hint: the line that is wrong, in which way, and a sentence for the reader.

    `line` is the variable that the line assigns (such as "dz" or "dWha"), or "loop", "clip" or
    "returned". `way` is a short name of the mistake, empty where only the line is known.
    """

    line: str
    way: str
    text: str


@dataclass(frozen=True)
class Grade:
    """The grade of one cell. `report` is the verifier's, None where nothing could be verified.

    print(grade_backward(backward))
    """

    cell: str
    right: bool
    hints: tuple[Hint, ...] = ()
    report: Report | None = None

    @property
    def hint(self) -> Hint | None:
        """The first hint: later lines are wrong, too, where there are more."""
        return self.hints[0] if self.hints else None

    def __str__(self) -> str:
        lines = [f"{self.cell}: {'right' if self.right else 'not yet right'}."]
        lines += [hint.text for hint in self.hints]
        if self.report is not None:
            lines.append(f"The verifier: {_verdict(self.report)}")
        return "\n".join(lines)


def _verdict(report: Report) -> str:
    cases = f"{len(report.results)} cases in {report.seconds:.1f} s"
    if report.diagnosis is None:
        digits = min((worst for worst, _ in report.digits.values()), default=None)
        if report.exit_status == 0 and digits is not None:
            return f"{report.verdict}, {digits:.0f} digits or more in every case ({cases})."
        messages = sorted({message for _, message in report.troubles if message})
        return "; ".join([f"{report.headline} ({cases})", *messages]) + "."
    said = []
    for suspect in (*report.diagnosis.suspects, *report.diagnosis.also):
        name = NAMES.get(suspect.name, suspect.name)
        first = f" from T = {suspect.first_T} on" if suspect.first_T else ""
        said.append(name + first + (f" ({suspect.pattern})" if suspect.pattern else ""))
    return f"{report.verdict} in {', '.join(said)}; {cases}."
