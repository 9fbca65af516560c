"""Results as one page that needs no other file: ratings with intervals, and how they change over time."""

from html import escape
from itertools import groupby

from crescendai.api.contracts import AnalysisResult, Failure, RatedDimension
from crescendai.dimensions import DIMENSIONS

STYLE = """
:root { color-scheme: light dark; --ink: #1c2733; --soft: #5a6876; --line: #d6dde4; --mark: #0b6e99; --page: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6ecf2; --soft: #9fb0c0; --line: #3a4754; --mark: #5cc3f0; --page: #12181f }
}
body { font: 16px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 2rem auto;
  max-width: 60rem; padding: 0 1rem }
table { border-collapse: collapse; width: 100% } caption { text-align: left; color: var(--soft) }
th, td { padding: .2rem .5rem; text-align: left; border-bottom: 1px solid var(--line); font-weight: normal }
td.pole, td.number { color: var(--soft) } td.low, td.number { text-align: right } td.bar { width: 34% }
svg { display: block; width: 100% } .scale { stroke: var(--line) } .interval { stroke: var(--mark); opacity: .4 }
.rating { fill: var(--mark) } .course { fill: none; stroke: var(--mark); stroke-linecap: round }
.warning { border-left: 4px solid #c47f00; padding-left: .7rem } .failed { color: #b3261e } small { color: var(--soft) }
"""
WIDTH, BAR_HEIGHT, COURSE_HEIGHT = 300, 16, 28


def html_report(results: list[AnalysisResult], failures: list[Failure]) -> str:
    """A page in English, readable without scripts, in light and dark."""
    failed = "".join(f'<li class="failed">{escape(of.message)}</li>' for of in failures)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>CrescendAI</title>'
        f"<style>{STYLE}</style></head>\n<body><h1>How it is played</h1>\n"
        "<p>Each rating lies between two poles, 0 at the left one and 1 at the right one: what listeners would say on "
        "average, as the model expects it. It is no verdict on a pianist.</p>\n"
        + "".join(_recording(result) for result in results)
        + (f"<h2>Not rated</h2><ul>{failed}</ul>" if failed else "")
        + "</body></html>\n"
    )


def _recording(result: AnalysisResult) -> str:
    done = result.processing
    interval = "" if result.coverage is None else f" The line is the {result.coverage:.0%} interval."
    rows = ""
    for group, members in groupby(enumerate(result.dimensions), key=lambda pair: pair[1].group):
        for row, (k, of) in enumerate(members):
            heading = escape(group) if row == 0 else ""
            rows += (
                f'<tr><th scope="row">{heading}</th><td class="pole low">{escape(of.low_pole)}</td>'
                f'<td class="bar">{_bar(of)}</td><td class="pole">{escape(of.high_pole)}</td>'
                f'<td class="number">{_numbers(of)}</td><td class="bar">{_course(result, k)}</td></tr>\n'
            )
    warnings = "".join(f'<p class="warning">{escape(of.message)}</p>' for of in result.warnings)
    return (
        f"<section><h2>{escape(result.source or 'Recording')}</h2>{warnings}\n<table><caption>{done.duration_s:.1f} s, "
        f"rated by {escape(done.model.name)} {escape(done.model.version)}.{interval} At the right, how each rating "
        f"changes over the recording, in sections of {done.section_s:g} s.</caption>\n"
        '<tr><th scope="col">aspect</th><th scope="col">0</th><th scope="col"></th><th scope="col">1</th>'
        f'<th scope="col">rating</th><th scope="col">over time</th></tr>\n{rows}</table>\n'
        f"<p><small>Model sha256 {done.model.sha256}; CrescendAI {escape(done.crescendai_version)}.</small></p>"
        "</section>\n"
    )


def _numbers(of: RatedDimension) -> str:
    interval = "" if of.lower is None else f"<br><small>{of.lower:.2f} – {of.upper:.2f}</small>"
    return f"{of.rating:.2f}{interval}"


def _bar(of: RatedDimension) -> str:
    middle, x = BAR_HEIGHT / 2, of.rating * WIDTH
    interval = ""
    if of.lower is not None:
        interval = _line("interval", of.lower * WIDTH, of.upper * WIDTH, middle, 6)
    return (
        f'<svg viewBox="-6 0 {WIDTH + 12} {BAR_HEIGHT}" role="img" aria-label="{of.rating:.2f}">'
        f"{_line('scale', 0, WIDTH, middle, 2)}{interval}"
        f'<circle class="rating" cx="{x:.1f}" cy="{middle}" r="5"/></svg>'
    )


def _course(result: AnalysisResult, k: int) -> str:
    """The rating of each section at its middle; a gap where nothing sounds. Empty for a single section."""
    if len(result.sections) < 2:
        return ""
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
        f"{_line('scale', 0, WIDTH, COURSE_HEIGHT / 2, 1)}{lines}</svg>"
    )


def _line(kind: str, start: float, end: float, y: float, width: float) -> str:
    return f'<line class="{kind}" x1="{start:.1f}" x2="{end:.1f}" y1="{y}" y2="{y}" stroke-width="{width}"/>'
