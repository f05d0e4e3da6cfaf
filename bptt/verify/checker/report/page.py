"""The report as one HTML page that loads nothing and runs no script."""

from html import escape

import numpy as np

from ..case_result import MOST_DIGITS
from ..check_result import RANK, Curve
from .diagnosis import Suspect
from .drawings import curve_chart, heat_map, histogram, lag_chart
from .report import Report
from .terminal import sentence

STYLE = """
:root { color-scheme: light dark; --back: #fbfbf9; --text: #1d2327; --soft: #5b646b;
  --line: #dcdfe0; --good: #1a7f4b; --bad: #b3261e; --panel: #ffffff; }
@media (prefers-color-scheme: dark) { :root { --back: #14181b; --text: #e6e9ea; --soft: #9aa5ac;
  --line: #323a40; --good: #56c98d; --bad: #ff8a80; --panel: #1c2226; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 16px; max-width: 920px; background: var(--back);
  color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
h1, p, li, pre { overflow-wrap: anywhere; }
h1 { font-size: 1.5rem; line-height: 1.25; margin: 8px 0; }
h2 { font-size: 1.05rem; margin: 28px 0 8px; }
.verdict { border-left: 6px solid; padding: 4px 14px; margin: 16px 0; }
.verdict.good { border-color: var(--good); } .verdict.bad { border-color: var(--bad); }
.verdict strong { font-size: 1.6rem; } .good strong { color: var(--good); }
.bad strong { color: var(--bad); }
p, li { margin: 4px 0; } small, .soft { color: var(--soft); font-size: .85rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--line);
  vertical-align: top; } th { font-weight: 600; color: var(--soft); font-size: .85rem; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
td:first-child { white-space: nowrap; } td.pattern { min-width: 11rem; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: 6px; padding: 12px;
  white-space: pre-wrap; font-size: .85rem; }
.maps { display: flex; flex-wrap: wrap; gap: 14px 22px; align-items: flex-start; }
figure { margin: 0; } .map svg { max-width: 100%; height: auto; display: block; }
figcaption { font-weight: 600; font-size: .9rem; }
.chart { width: 100%; max-width: 460px; height: auto; display: block; margin-bottom: 12px; }
.chart text { fill: var(--soft); font: 12px system-ui, sans-serif; }
@media (max-width: 600px) { .cards tr:first-child { display: none; }
  .cards tr { display: block; padding: 6px 0; border-bottom: 1px solid var(--line); }
  .cards td { display: inline-block; border: 0; padding: 0 14px 0 0; }
  .cards td:empty { display: none; }
  .cards td:first-child { font-weight: 600; display: block; }
  .cards td[title]::before { content: attr(title) " "; color: var(--soft); font-size: .85rem; } }
.bad { fill: var(--bad); } .good { fill: var(--good); } .grid { stroke: var(--line); }
.dashed { stroke-dasharray: 3 3; } .dot { fill: var(--text); }
.right { fill: var(--good); fill-opacity: .22; }
.curve { fill: none; stroke: var(--soft); stroke-width: 1.5; }
"""


@np.errstate(all="ignore")  # gradients may hold any numbers
def page(reports: list[Report]) -> str:
    """Return the HTML of one report, or of several, one below the other."""
    worst = max(reports, key=lambda report: (report.exit_status == 1, report.exit_status))
    title = f"{worst.target}: {worst.verdict}" if len(reports) == 1 else "Gradients verified"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(_one(report) for report in reports)
        + "\n</body>\n</html>\n"
    )


def _one(report: Report) -> str:
    kind = "good" if report.exit_status == 0 else "bad"
    counts = ", ".join(f"{number} {name}" for name, number in report.tally("verdict").items())
    oracles = ", ".join(f"{name} ({n})" for name, n in report.tally("oracle").items()) or "none"
    parts = [
        f"<h1>{escape(report.target)}</h1>",
        f'<div class="verdict {kind}"><strong>{escape(report.headline)}</strong>'
        f"<p>{escape(_sentence(report))}</p></div>",
        f'<p class="soft">{len(report.results)} cases in {report.seconds:.1f} s: '
        f"{escape(counts)}. Oracle: {escape(oracles)}. {escape(' '.join(report.coverage))}</p>",
        _checks(report),
        _failure(report),
        _maps(report),
        _lags(report),
        _digits(report),
        _troubles(report),
    ]
    if report.notes:
        notes = "".join(f"<li>{escape(note)}</li>" for note in report.notes)
        parts.append(f"<h2>Notes</h2><ul>{notes}</ul>")
    return "\n".join(part for part in parts if part)


def _sentence(report: Report) -> str:
    if report.failed_checks:
        failed = report.failed_checks[0]
        return f"{sentence(failed.name)}: {failed.message}."
    if report.diagnosis is not None:
        names = ", ".join(suspect.name for suspect in report.diagnosis.suspects)
        lag = report.diagnosis.lag
        return f"In {names}." + (f" {sentence(lag)}." if lag else "")
    if report.smallest is not None:
        return report.smallest.message
    if report.exit_status == 2:
        return next((message for _, message in report.troubles), "No oracle could decide.")
    if not report.digits:
        return "No case shows how many digits are right."
    name, (worst, _) = min(report.digits.items(), key=lambda item: item[1][0])
    limit = report.limits.get(name)
    said = f"At least {worst:.1f} digits of every parameter in every case"
    return f"{said}, the limit of {limit}." if limit else f"{said}."


def _checks(report: Report) -> str:
    if not report.checks:
        return ""
    rows = "".join(
        f"<tr><td>{escape(check.name)}</td><td>{check.verdict}</td>"
        f"<td>{escape(check.message)}"
        f"{f'<pre>{escape(check.detail)}</pre>' if check.detail else ''}</td></tr>"
        for check in sorted(report.checks, key=lambda check: -RANK[check.verdict])
    )
    return (
        '<h2>Checks</h2><div class="wide"><table><tr><th>check</th><th>result</th><th></th></tr>'
        f"{rows}</table></div>{_pictures(report)}"
    )


def _pictures(report: Report) -> str:
    """Draw the arrays that differ in failed checks, and the curves of all."""
    parts = []
    for check in report.checks:
        if isinstance(check.picture, Curve):
            parts.append(
                f"<h2>{escape(sentence(check.name))}</h2><p class='soft'>"
                f"{escape(check.picture.title)}: {escape(check.message)}.</p>"
                f"{curve_chart(check.picture)}"
            )
        elif check.picture is not None and check.picture.computed is not None:
            parts.append(
                f"<h2>{escape(sentence(check.name))}</h2><p class='soft'>"
                f"{escape(sentence(check.message))}.</p>"
                f'<div class="maps">{heat_map(check.picture, "float64")}</div>'
            )
    return "".join(parts)


def _failure(report: Report) -> str:
    if report.smallest is None:
        return ""
    parts = [
        f"<h2>Smallest failing case</h2><p>{escape(str(report.smallest.case))}</p>",
        f"<pre>{escape(report.snippet)}</pre>",
    ]
    if report.diagnosis is not None:
        suspects = (*report.diagnosis.suspects, *report.diagnosis.also)
        named = any(suspect.pattern for suspect in suspects)
        rows = "".join(_row(suspect, named) for suspect in suspects)
        timed = report.diagnosis.first_T is not None
        parts.append(
            '<h2>What is wrong</h2><div class="wide"><table class="cards"><tr><th>worst entry</th>'
            "<th>computed</th><th>expected</th><th>relative error</th>"
            f"{'<th>from T</th>' if timed else ''}"
            f"{'<th>pattern</th>' if named else ''}</tr>{rows}</table></div>"
        )
    return "\n".join(parts)


def _row(suspect: Suspect, named: bool) -> str:
    place = f"[{', '.join(map(str, suspect.place))}]" if suspect.place else ""
    numbers = {
        "computed": f"{suspect.computed:.9g}",
        "expected": f"{suspect.expected:.9g}",
        "relative error": f"{suspect.relative_error:.1e}",
    }
    if suspect.first_T is not None:
        numbers["from T"] = str(suspect.first_T)
    return (
        f"<tr><td>{escape(suspect.name)}{place}</td>"
        + "".join(
            f'<td class="number" title="{what}">{number}</td>' for what, number in numbers.items()
        )
        + (f'<td class="pattern">{escape(suspect.pattern)}</td></tr>' if named else "</tr>")
    )


def _maps(report: Report) -> str:
    shown = report.shown
    if shown is None:
        return ""
    maps = "".join(heat_map(found, shown.dtype) for found in shown.findings.values())
    return (
        f"<h2>Errors, entry by entry</h2><p class='soft'>At {escape(str(shown.case))}. "
        "Right entries are green, wrong ones red: the fewer right digits, the stronger.</p>"
        f'<div class="maps">{maps}</div>'
    )


def _lags(report: Report) -> str:
    diagnosis = report.diagnosis
    if diagnosis is None or len(diagnosis.errors) < 2:
        return ""
    parts = [
        "<h2>Error against the number of steps</h2><p class='soft'>The largest error of all "
        "cases with this T, over its parameter's largest entry. "
        f"{escape(sentence(diagnosis.lag))}.</p>",
        lag_chart(diagnosis.errors, "T: a gradient over T steps reaches back T − 1"),
    ]
    if len(diagnosis.of_one_target) > 1:
        said = escape(sentence(diagnosis.handed_back)) + "." if diagnosis.handed_back else ""
        parts += [
            "<h2>Error against lag</h2><p class='soft'>The loss is that of one target; the lag is "
            f"the number of steps from the initial state to it. {said}</p>",
            lag_chart(diagnosis.of_one_target, "lag k: steps from the state to the target"),
        ]
    return "".join(parts)


def _digits(report: Report) -> str:
    shown, limits = report.shown, report.limits
    if shown is None:
        return ""
    findings = [found for found in shown.findings.values() if found.computed is not None]
    rows = "".join(
        f"<tr><td>{escape(name)}</td>"
        f'<td class="number">{"at least " if name in limits else ""}{worst:.1f}</td>'
        f'<td class="number">{median:.1f}</td></tr>'
        for name, (worst, median) in report.digits.items()
    )
    more = f"At least: the limit of {' and '.join(sorted(set(limits.values())))}." if limits else ""
    return (
        "<h2>Right digits</h2><p class='soft'>Entries of the case above, the wrong ones in red.</p>"
        + histogram(findings, MOST_DIGITS[shown.dtype])
        + '<div class="wide"><table><tr><th>parameter</th><th>worst of all cases</th>'
        + f"<th>median</th></tr>{rows}</table></div><p class='soft'>{more}</p>"
    )


def _troubles(report: Report) -> str:
    parts = []
    for (kind, message), results in report.troubles.items():
        cases = "".join(f"<li>{escape(str(result.case))}</li>" for result in results[:20])
        detail = f"<pre>{escape(results[0].detail)}</pre>" if results[0].detail else ""
        parts.append(
            f"<h2>{escape(kind.capitalize())} in {len(results)} cases</h2>"
            f"<p>{escape(message)}</p>{detail}<ul>{cases}</ul>"
        )
    return "\n".join(parts)
