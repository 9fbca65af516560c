"""The table of ratings of a folder: every cell checked, every problem with its line."""

import csv
import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from crescendai.dimensions import DIMENSIONS, NAMES

GROUPINGS = ("piece", "passage", "player")
ABOUT = ("file", "rater", *GROUPINGS)
DIMENSION_OF = {key: d.name for d in DIMENSIONS for key in (d.name, d.percepiano_key)}
ALL_RATERS = "all"  # where the table does not say who rated


@dataclass(frozen=True)
class RatingTable:
    """A row of ``rows`` a file and rater: line, file, rater, the groupings that are given, dimensions from 0 to 1."""

    rows: pd.DataFrame
    given: tuple[str, ...]  # columns of the table, dimensions by their names here


def read_rating_table(path: Path, rating_range: tuple[float, float]) -> tuple[RatingTable, list[str]]:
    """Reads the table.

    Returns:
        What could be read of it, and what is wrong with it.
    """
    try:
        lines = _lines(path)
    except (UnicodeDecodeError, csv.Error) as error:
        lines, unreadable = [], [f"expected CSV in UTF-8, found {error}; save it as such"]
    else:
        unreadable = [] if lines else ["expected a line of column names, found an empty file"]
    header = [cell.strip() for cell in lines[0][1]] if lines else []
    names, problems = _columns(header)
    problems = unreadable or problems
    rows = []
    for line, cells in lines[1:]:
        if len(cells) != len(header):
            problems.append(f"line {line}: expected {len(header)} cells, found {len(cells)}")
            continue
        row, found = _row(dict(zip(names, cells, strict=True)), line, rating_range)
        rows.append(row)
        problems += found
    if lines and not lines[1:]:
        problems.append("expected a row for every file, found none")
    table = pd.DataFrame(rows, columns=["line", "file", "rater", *(n for n in names if n in (*GROUPINGS, *NAMES))])
    problems += _doubled(table, "rater" in names) + _contradictions(table)
    return RatingTable(table, tuple(name for name in names if name)), problems


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """Rows with the number of the line that they end on; empty ones left out."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]


def _columns(header: Sequence[str]) -> tuple[list[str], list[str]]:
    """Names of the columns, dimensions as here, "" for what is unknown; and problems."""
    names, problems = [], []
    for cell in header:
        name = cell if cell in ABOUT else DIMENSION_OF.get(cell, "")
        if not name:
            close = difflib.get_close_matches(cell, [*ABOUT, *DIMENSION_OF], 1)
            advice = f"did you mean {close[0]}?" if close else f"known are {', '.join((*ABOUT, *NAMES))}"
            problems.append(f"line 1: unknown column {cell!r}; {advice}")
        elif name in names:
            problems.append(f"line 1: column {cell!r} is there twice, by this or another of its names")
            name = ""
        names.append(name)
    if header and "file" not in names:
        problems.append("line 1: expected a column file, found none")
    if header and not set(names) & set(NAMES):
        problems.append(f"line 1: expected a dimension, found none of {', '.join(NAMES)}")
    return names, problems


def _row(cells: dict[str, str], line: int, rating_range: tuple[float, float]) -> tuple[dict, list[str]]:
    row: dict[str, object] = {"line": line, "file": "", "rater": ALL_RATERS}
    problems = []
    for name, text in ((name, text.strip()) for name, text in cells.items() if name):
        if name in NAMES:
            row[name] = _rating(text, rating_range)
            if row[name] is None:
                problems.append(f"line {line}: column {name}: expected nothing or a number from {rating_range[0]:g} to "
                                f"{rating_range[1]:g} (scale.folder.source.rating_range), found {text!r}")  # fmt: skip
        else:
            row[name] = text
            if not text:
                problems.append(f"line {line}: column {name}: expected a name, found an empty cell")
    ratings = [row[name] for name in row if name in NAMES]
    if ratings and all(rating is not None and math.isnan(rating) for rating in ratings):
        problems.append(f"line {line}: expected a rating at least, found none")
    return row, problems


def _rating(text: str, rating_range: tuple[float, float]) -> float | None:
    """From 0 to 1, NaN for an empty cell, None for what is no such rating."""
    if not text:
        return math.nan
    low, high = rating_range
    try:
        value = float(text)
    except ValueError:
        return None
    return (value - low) / (high - low) if low <= value <= high else None


def _doubled(table: pd.DataFrame, has_raters: bool) -> list[str]:
    problems = []
    for (file, rater), rows in table[table["file"] != ""].groupby(["file", "rater"], sort=False):
        if len(rows) > 1:
            lines = ", ".join(map(str, rows["line"]))
            what = f"{file} by {rater}" if has_raters else f"{file}, without a column rater"
            problems.append(f"lines {lines}: expected one row of {what}, found {len(rows)}")
    return problems


def _contradictions(table: pd.DataFrame) -> list[str]:
    """Files of two pieces, passages or players."""
    problems = []
    for name in (name for name in GROUPINGS if name in table):
        for file, rows in table[table["file"] != ""].groupby("file", sort=False):
            said = rows.drop_duplicates(name)
            if len(said) > 1:
                found = " and ".join(f"{row[name]!r} (line {row['line']})" for _, row in said.iterrows())
                problems.append(f"{file}: expected one {name}, found {found}")
    return problems
