"""``crescendai analyze``: recordings in, ratings out, one line for each that cannot be rated."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from crescendai.cli.models import check_model
from crescendai.cli.outputs import STDOUT, check_places, write_documents
from crescendai.cli.recordings import recordings
from crescendai.cli.shown import shown
from crescendai.errors import CrescendaiError, DataError


def analyze_inputs(
    inputs: Sequence[Path], json: Path | None, csv: Path | None, html: Path | None, model: Path | None
) -> int:
    """The exit code: 1 if any recording could not be rated.

    Raises:
        DataError: a folder without recordings, a document that cannot be written where it should be, or no model.
        CrescendaiError: a document could not be written after all; the others are there.
    """
    files = recordings(inputs)
    check_places({"--json": json, "--csv": csv, "--html": html}, files)
    check_model(model)
    results, failures = _analyze_all(files, model)
    texts = {json: _json_text, csv: _csv_text, html: _html_text}
    documents = {path: text(results, failures) for path, text in texts.items() if path is not None}
    try:
        write_documents(documents)
    finally:  # whatever could not be written can be read at least
        if STDOUT not in documents:
            from crescendai.cli.table import print_results

            print_results(results)
    return 1 if failures else 0


def _analyze_all(files: Sequence[Path], model: Path | None) -> tuple[list, list]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from crescendai.api.contracts import Failure

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    results, failures, ready = [], [], None
    with Progress(*columns, console=console, disable=len(files) < 2, transient=True) as progress:
        task = progress.add_task("recordings", total=len(files))
        for file in files:
            try:
                if not file.is_file():
                    raise DataError(f"{file}: expected an audio file, found none; check the path")
                ready = ready or _ready(model)  # a wrong path should not wait until it is compiled
                results.append(ready(file))
            except (CrescendaiError, OSError) as error:
                if ready is None and file.is_file():
                    raise  # it is the model that is missing
                message = shown(str(error))
                console.print(f"failed: {message}", style="red", markup=False, highlight=False, soft_wrap=True)
                failures.append(
                    Failure(source=shown(str(file)), code=getattr(error, "code", "unreadable"), message=message)
                )
            progress.advance(task)
    return results, failures


def _ready(model: Path | None):
    """A function from a file to its result; what takes long to load and compile is done side by side."""
    with ThreadPoolExecutor(1) as aside:
        signal_code = aside.submit(__import__, "scipy.signal")
        from crescendai.analysis.analyzer import Analyzer
        from crescendai.analysis.compiled import use_compile_cache
        from crescendai.api.answers import analysis_result
        from crescendai.shipped import open_shipped

        use_compile_cache()
        shipped = open_shipped(model)
        signal_code.result()
    analyzer = Analyzer(shipped)
    analyzer.warm_up_for_one()
    return lambda file: analysis_result(analyzer.analyze_file(file), shipped.identity, shown(str(file)))


def _json_text(results: list, failures: list) -> str:
    from crescendai.api.contracts import BatchReport

    return BatchReport(results=results, failures=failures).model_dump_json(indent=2) + "\n"


def _csv_text(results: list, failures: list) -> str:
    from crescendai.cli.csv_table import csv_text

    return csv_text(results)


def _html_text(results: list, failures: list) -> str:
    from crescendai.cli.html_report import html_report

    return html_report(results, failures)
