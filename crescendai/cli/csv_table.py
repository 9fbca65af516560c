"""Results as comma-separated values: a row a recording, ratings and intervals by name."""

import csv
import io

from crescendai.api.contracts import AnalysisResult
from crescendai.cli.models import model_label
from crescendai.dimensions import NAMES


def csv_text(results: list[AnalysisResult]) -> str:
    """Columns ``source``, ``duration_s``, ``model``, ``warnings``, then ``name``, ``name_lower``, ``name_upper``."""
    text = io.StringIO()
    columns = [f"{name}{end}" for name in NAMES for end in ("", "_lower", "_upper")]
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["source", "duration_s", "model", "warnings", *columns])
    for result in results:
        cells = [value for of in result.dimensions for value in (of.rating, of.lower, of.upper)]
        table.writerow([
            _inert(result.source or ""), f"{result.processing.duration_s:.3f}",
            model_label(result.processing.model), " ".join(of.code for of in result.warnings),
            *("" if value is None else f"{value:.6f}" for value in cells),
        ])  # fmt: skip
    return text.getvalue()


def _inert(source: str) -> str:
    """A file's name that a spreadsheet does not take for a formula."""
    return "'" + source if source.startswith(("=", "+", "-", "@")) else source
