"""Results in the terminal: a bar for every rating, between its poles."""

from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from crescendai.api.contracts import AnalysisResult, RatedDimension

BAR = 16  # characters from pole to pole


def print_results(results: list[AnalysisResult]) -> None:
    console = Console()
    for result in results:
        title = f"{result.source}  ({_clock(result.processing.duration_s)})"
        console.print(title, style="bold", markup=False, highlight=False, soft_wrap=True)  # paths stay whole
        console.print(_table(result))
        for warning in result.warnings:
            console.print(f"warning: {warning.message}", style="yellow", markup=False, highlight=False)
        console.print()


def _table(result: AnalysisResult) -> Table:
    done = result.processing
    table = Table(
        caption=Text(
            f"{done.model.name} {done.model.version}, {done.processing_s:.1f} s"
            + ("" if result.coverage is None else f"; interval: {result.coverage:.0%}")
        ),
        box=None, caption_justify="left", pad_edge=False, padding=(0, 1, 0, 0),
    )  # fmt: skip
    table.add_column("", style="dim", no_wrap=True)
    table.add_column("0", justify="right", min_width=15, overflow="fold")
    table.add_column("", no_wrap=True)
    table.add_column("1", min_width=11, overflow="fold")
    table.add_column("rating", justify="right", no_wrap=True)
    if result.coverage is not None:
        table.add_column("interval", justify="right", no_wrap=True)
    for group, members in groupby(result.dimensions, key=lambda of: of.group):
        for row, of in enumerate(members):
            cells = [group if row == 0 else "", of.low_pole, _bar(of), of.high_pole, f"{of.rating:.2f}"]
            table.add_row(*cells, *([] if of.lower is None else [f"{of.lower:.2f} – {of.upper:.2f}"]))
    return table


def _bar(of: RatedDimension) -> Text:
    """The interval as a line, the rating as a point on it."""
    place = [min(int(value * BAR), BAR - 1) for value in (of.lower or of.rating, of.rating, of.upper or of.rating)]
    low, here, high = place
    bar = Text("".join("━" if low <= at <= high and of.lower is not None else "·" for at in range(BAR)), style="dim")
    return bar[:here] + Text("●", style="bold cyan") + bar[here + 1 :]


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
