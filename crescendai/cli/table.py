"""Results in the terminal: a bar for every rating, between its poles."""

from itertools import groupby
from typing import NamedTuple

from rich.console import Console
from rich.table import Table
from rich.text import Text

from crescendai.api.contracts import AnalysisResult, RatedDimension
from crescendai.cli.models import model_label
from crescendai.report.scale import NEUTRAL

BAR = 14  # characters from pole to pole; with it a table fits 80 columns


class Signs(NamedTuple):
    """What a bar is drawn with; ``dash`` is for between two numbers, ``neutral`` points at the neutral answer."""

    scale: str
    interval: str
    rating: str
    dash: str
    neutral: str


UNICODE, ASCII = Signs(*"·━●–▾"), Signs(*".=o-v")


def print_results(results: list[AnalysisResult]) -> None:
    console = Console()
    for result in results:
        title = f"{result.source}  ({_clock(result.processing.duration_s)})"
        console.print(title, style="bold", markup=False, highlight=False, soft_wrap=True)  # paths stay whole
        console.print(_table(result, UNICODE if console.encoding.startswith("utf") else ASCII))
        for warning in result.warnings:
            console.print(f"warning: {warning.message}", style="yellow", markup=False, highlight=False)
        console.print()


def _table(result: AnalysisResult, signs: Signs) -> Table:
    done = result.processing
    table = Table(
        caption=Text(
            f"{model_label(done.model)}, {done.processing_s:.1f} s"
            + ("" if result.coverage is None else f"; interval: {result.coverage:.0%}")
            + f"; {signs.neutral} {NEUTRAL:.2f} is neutral"
        ),
        box=None, caption_justify="left", pad_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    table.add_column("", style="dim", no_wrap=True)
    table.add_column("0", justify="right", min_width=15, overflow="fold")
    table.add_column(" " * _place(NEUTRAL) + signs.neutral, no_wrap=True)
    table.add_column("1", min_width=11, overflow="fold")
    table.add_column("rating", justify="right", no_wrap=True)
    if result.coverage is not None:
        table.add_column("interval", justify="right", no_wrap=True, min_width=11)
    for group, members in groupby(result.dimensions, key=lambda of: of.group):
        for row, of in enumerate(members):
            cells = [group if row == 0 else "", of.low_pole, _bar(of, signs), of.high_pole, f"{of.rating:.2f}"]
            table.add_row(*cells, *([] if of.lower is None else [f"{of.lower:.2f} {signs.dash} {of.upper:.2f}"]))
    return table


def _bar(of: RatedDimension, signs: Signs) -> Text:
    """The interval as a line, the rating as a point on it."""
    ends = (of.rating, of.rating) if of.lower is None else (of.lower, of.upper)
    low, here, high = (_place(value) for value in (ends[0], of.rating, ends[1]))
    has_line = of.lower is not None
    line = (signs.interval if has_line and low <= at <= high else signs.scale for at in range(BAR))
    bar = Text("".join(line), style="dim")
    return bar[:here] + Text(signs.rating, style="bold cyan") + bar[here + 1 :]


def _place(value: float) -> int:
    """Of a value on the scale, in characters from the left."""
    return min(int(value * BAR), BAR - 1)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
