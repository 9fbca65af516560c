"""Results as one page that needs no other file: ratings with intervals, and how they change over time."""

from html import escape
from itertools import groupby

from crescendai.api.contracts import AnalysisResult, Failure, RatedDimension
from crescendai.cli.models import model_label
from crescendai.dimensions import DIMENSIONS
from crescendai.report.scale import NEUTRAL

STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5a6876; --line: #d6dde4; --mark: #0b6e99; --page: #fff;
  --failed: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ecf2; --soft: #9fb0c0; --line: #3a4754; --mark: #5cc3f0; --page: #12181f;
    --failed: #ff9c86 }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } caption { text-align: left; color: var(--soft) }
th, td { padding: .2rem .5rem; text-align: left; border-bottom: 1px solid var(--line); font-weight: normal }
th[scope=rowgroup] { vertical-align: top } .pole, .number { color: var(--soft) } .low, .number { text-align: right }
.number { white-space: nowrap } .bar { width: 34% }
svg { display: block; width: 100% } .scale { stroke: var(--line) } .neutral { stroke: var(--soft) }
.interval { stroke: var(--mark); opacity: .4 }
.rating { fill: var(--mark) } .course { fill: none; stroke: var(--mark); stroke-linecap: round }
.warning { border-left: 4px solid #c47f00; padding-left: .7rem } .failed { color: var(--failed) }
small { color: var(--soft) }
"""
WIDTH, BAR_HEIGHT, COURSE_HEIGHT = 300, 16, 28


def html_report(results: list[AnalysisResult], failures: list[Failure]) -> str:
    """A page in English, readable without scripts, in light and dark; well-formed XML, too."""
    failed = "".join(f'<li class="failed">{escape(of.message)}</li>' for of in failures)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"/>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/><title>CrescendAI</title>'
        f"<style>{STYLE}</style></head>\n<body><main><h1>How it is played</h1>\n"
        "<p>Each rating lies between two poles: what listeners would say on average, as the model expects it. Their "
        "answers, from 1 to 7, are divided by 7, so that the left pole is 0.14, the right one 1, and the neutral "
        f"answer, the short stroke on every scale, {NEUTRAL:.2f}. A rating is no verdict on a pianist.</p>\n"
        + "".join(_recording(result) for result in results)
        + (f"<h2>Not rated</h2><ul>{failed}</ul>" if failed else "")
        + "</main></body></html>\n"
    )


def _recording(result: AnalysisResult) -> str:
    done = result.processing
    interval = "" if result.coverage is None else f" The line is the {result.coverage:.0%} interval."
    course, column = "", ""
    if _has_course(result):
        course = f" At the right, how each rating changes over the recording, in sections of {done.section_s:g} s."
        column = '<th scope="col">over time</th>'
    groups = groupby(enumerate(result.dimensions), key=lambda pair: pair[1].group)
    warnings = "".join(f'<p class="warning">{escape(of.message)}</p>' for of in result.warnings)
    return (
        f"<section><h2>{escape(result.source or 'Recording')}</h2>{warnings}\n<table><caption>{done.duration_s:.1f} s, "
        f"rated by {escape(model_label(done.model))}.{interval}{course}</caption>\n"
        '<thead><tr><th scope="col">aspect</th><th scope="col" class="low">0</th><th scope="col">scale</th>'
        f'<th scope="col">1</th><th scope="col" class="low">rating</th>{column}</tr></thead>\n'
        + "".join(_group(result, group, list(members)) for group, members in groups)
        + f"</table>\n<p><small>Model sha256 {done.model.sha256}; CrescendAI {escape(done.crescendai_version)}.</small>"
        "</p></section>\n"
    )


def _group(result: AnalysisResult, group: str, members: list[tuple[int, RatedDimension]]) -> str:
    """The ratings of one aspect of playing, under its name."""
    heading, rows = f'<th scope="rowgroup" rowspan="{len(members)}">{escape(group)}</th>', []
    for row, (k, of) in enumerate(members):
        course = f'<td class="bar">{_course(result, k)}</td>' if _has_course(result) else ""
        rows.append(
            f'<tr>{"" if row else heading}<th scope="row" class="pole low">{escape(of.low_pole)}</th>'
            f'<td class="bar">{_bar(of)}</td><td class="pole">{escape(of.high_pole)}</td>'
            f'<td class="number">{_numbers(of)}</td>{course}</tr>\n'
        )
    return f"<tbody>{''.join(rows)}</tbody>\n"


def _has_course(result: AnalysisResult) -> bool:
    """A single section has none."""
    return len(result.sections) > 1


def _numbers(of: RatedDimension) -> str:
    interval = "" if of.lower is None else f"<br/><small>{of.lower:.2f} – {of.upper:.2f}</small>"
    return f"{of.rating:.2f}{interval}"


def _bar(of: RatedDimension) -> str:
    middle, x = BAR_HEIGHT / 2, of.rating * WIDTH
    interval = ""
    if of.lower is not None:
        interval = _line("interval", of.lower * WIDTH, of.upper * WIDTH, middle, 6)
    return (
        f'<svg viewBox="-6 0 {WIDTH + 12} {BAR_HEIGHT}" role="img" aria-label="{of.rating:.2f}">'
        f"{_line('scale', 0, WIDTH, middle, 2)}{_neutral()}{interval}"
        f'<circle class="rating" cx="{x:.1f}" cy="{middle}" r="5"/></svg>'
    )


def _course(result: AnalysisResult, k: int) -> str:
    """The rating of each section at its middle; a gap where nothing sounds."""
    name, parts = DIMENSIONS[k].name, [[]]
    for of in result.sections:
        if of.ratings is None:
            parts.append([])
            continue
        x = (of.start_s + of.end_s) / 2 / result.processing.duration_s * WIDTH
        parts[-1].append(f"{x:.1f},{(1 - getattr(of.ratings, name)) * COURSE_HEIGHT:.1f}")
    # A section alone between two gaps has no line, but a dot: caps are drawn around a line of no length.
    lines = "".join(
        f'<polyline class="course" stroke-width="1.5" points="{" ".join(part if part[1:] else part * 2)}"/>'
        for part in parts if part
    )
    return (
        f'<svg viewBox="0 -2 {WIDTH} {COURSE_HEIGHT + 4}" role="img" aria-label="course of {escape(name)}">'
        f"{_line('scale', 0, WIDTH, (1 - NEUTRAL) * COURSE_HEIGHT, 1)}{lines}</svg>"
    )


def _line(kind: str, start: float, end: float, y: float, width: float) -> str:
    return f'<line class="{kind}" x1="{start:.1f}" x2="{end:.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke-width="{width}"/>'


def _neutral() -> str:
    x = f"{NEUTRAL * WIDTH:.1f}"
    return f'<line class="neutral" x1="{x}" x2="{x}" y1="2" y2="{BAR_HEIGHT - 2}" stroke-width="1"/>'
