"""What a corpus has to be learned of a clip: its targets, written by stage fetch beside the clips.

A target is a column of numbers from 0 to 1, of one of two kinds:

rating   how a clip sounds to listeners, between two poles
class    1 for the clips of one class and 0 for the others; the targets of one group are the classes among which
         a clip is told apart, by the largest of their predictions

Which targets are known of which clip the table of clips says itself: an empty cell is not rated.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from crescendai.datasets.texts import write_texts
from crescendai.dimensions import DIMENSIONS, Dimension
from crescendai.errors import DataError

FILE = "targets.json"
RATING, CLASS = "rating", "class"


@dataclass(frozen=True)
class TargetColumn:
    """One column of what is to be learned."""

    name: str
    group: str  # the aspect it belongs to; of a class: what is told apart
    low_pole: str  # what 0 says
    high_pole: str  # what 1 says
    kind: str = RATING

    @property
    def label(self) -> str:
        """Short text for tables and plots, for example ``timing: stable - unstable``."""
        return f"{self.group}: {self.low_pole} – {self.high_pole}"


@dataclass(frozen=True)
class Targets:
    """The targets of a corpus, in the order of its columns."""

    columns: tuple[TargetColumn, ...]

    @classmethod
    def of_dimensions(cls, dimensions: Sequence[Dimension] = DIMENSIONS) -> "Targets":
        """All of PercePiano's dimensions, or some of them."""
        return cls(tuple(TargetColumn(d.name, d.group, d.low_pole, d.high_pole) for d in dimensions))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.columns)

    @property
    def rated(self) -> tuple[TargetColumn, ...]:
        """Those between two poles, which are scored by R²."""
        return tuple(column for column in self.columns if column.kind == RATING)

    @property
    def rated_names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.rated)

    @property
    def classes(self) -> dict[str, tuple[str, ...]]:
        """What is told apart -> the columns of its classes."""
        groups = dict.fromkeys(column.group for column in self.columns if column.kind == CLASS)
        return {group: tuple(c.name for c in self.columns if c.kind == CLASS and c.group == group) for group in groups}


def write_targets(targets: Targets, folder: Path) -> None:
    """Writes a corpus's targets below its folder."""
    write_texts({folder / FILE: json.dumps([asdict(column) for column in targets.columns], indent=1) + "\n"})


def read_targets(folder: Path) -> Targets:
    """Reads what `write_targets` wrote.

    Raises:
        DataError: the file is missing or damaged.
    """
    path = folder / FILE
    try:
        columns = tuple(TargetColumn(**column) for column in json.loads(path.read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise DataError(f"{path}: expected the corpus's targets, found none ({error}); run `dvc repro`") from error
    if not columns or any(column.kind not in (RATING, CLASS) for column in columns):
        raise DataError(f"{path}: expected targets of kind {RATING} or {CLASS}, found others; run `dvc repro`")
    return Targets(columns)


def same_rows(values: np.ndarray) -> list[tuple[np.ndarray | slice, np.ndarray | slice]]:
    """Columns that are known of the same rows, put together: pairs of rows and columns of ``[b, k]``.

    Where nothing is missing that is one pair, of everything.
    """
    known = ~np.isnan(values)
    if known.all():
        return [(slice(None), slice(None))]
    patterns, of_column = np.unique(known, axis=1, return_inverse=True)
    pairs = [(np.flatnonzero(rows), np.flatnonzero(of_column == index)) for index, rows in enumerate(patterns.T)]
    return [(rows, columns) for rows, columns in pairs if len(rows)]
