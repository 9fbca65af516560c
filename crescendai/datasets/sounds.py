"""Rendered sound: a table of FLAC bytes in shards, a folder of Parquet files that reads as one table.

::

    <folder>/00000.parquet …   clip_id, instrument, sample_rate_hz, num_samples, duration_s, file_duration_s, flac

pandas, pyarrow and `read_table` read the folder as they read a file.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crescendai.datasets.shard_files import link_or_copy
from crescendai.errors import DataError

ROWS_PER_GROUP = 8  # some 2 MB of sound: what a reader holds at once
SCHEMA = pa.schema([
    ("clip_id", pa.large_string()), ("instrument", pa.large_string()), ("sample_rate_hz", pa.int64()),
    ("num_samples", pa.int64()), ("duration_s", pa.float64()), ("file_duration_s", pa.float64()),
    ("flac", pa.binary()),
])  # fmt: skip


class Stretch(NamedTuple):
    """Rows of one Parquet file."""

    path: Path
    start: int
    stop: int


def write_sounds(folder: Path, rows: Iterable[dict], largest_bytes: int) -> None:
    """Writes rows of `SCHEMA` as they come, into as many files as it takes for none to be larger than that."""
    writer, group, held, number = None, [], 0, 0

    def flush() -> None:
        nonlocal group
        if group:
            writer.write_table(pa.Table.from_pylist(group, SCHEMA))
            group = []

    try:
        for row in rows:
            if writer is None or held + len(row["flac"]) > largest_bytes:
                if writer is not None:
                    flush()
                    writer.close()
                # FLAC does not get smaller; the other columns are few bytes.
                writer = pq.ParquetWriter(folder / f"{number:05d}.parquet", SCHEMA, compression="none")
                number, held = number + 1, 0
            group.append(row)
            held += len(row["flac"])
            if len(group) == ROWS_PER_GROUP:
                flush()
        if writer is not None:
            flush()
    finally:
        if writer is not None:
            writer.close()


def assemble_sounds(folder: Path, shards: Sequence[Path]) -> None:
    """One table of the files that `write_sounds` wrote into several folders, which stay where they are."""
    if folder.is_dir():
        shutil.rmtree(folder)
    folder.unlink(missing_ok=True)
    folder.mkdir(parents=True)
    files = [path for shard in shards for path in sorted(shard.glob("*.parquet"))]
    for number, path in enumerate(files):
        link_or_copy(path, folder / f"{number:05d}.parquet")


def table_files(path: Path) -> list[Path]:
    """The files of a table, in order: of a folder, or the one file that it is.

    Raises:
        DataError: there is none.
    """
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not files or not files[0].exists():
        raise DataError(f"{path}: expected here, not found; run `dvc repro`, which makes it")
    return files


def stretches(path: Path, cuts: Sequence[slice]) -> list[list[Stretch]]:
    """Where in a table's files the rows of each cut lie."""
    files = table_files(path)
    ends = np.cumsum([_num_rows(file) for file in files])
    starts = np.append(0, ends[:-1])
    return [
        [
            Stretch(file.absolute(), int(max(cut.start - start, 0)), int(min(cut.stop, end) - start))
            for file, start, end in zip(files, starts, ends, strict=True)
            if start < cut.stop and end > cut.start
        ]
        for cut in cuts
    ]


def read_stretch(stretch: Stretch, columns: list[str]) -> Iterator[dict]:
    """Rows of a file one after another; one group of rows is in memory at a time.

    Raises:
        DataError: the file is damaged.
    """
    try:
        with pq.ParquetFile(stretch.path) as file:
            first = 0
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                start, stop = max(stretch.start - first, 0), min(stretch.stop - first, rows)
                if start < stop:
                    yield from file.read_row_group(group, columns).slice(start, stop - start).to_pylist()
                first += rows
    except (pa.ArrowInvalid, pa.ArrowIOError) as error:
        raise DataError(
            f"{stretch.path}: expected a Parquet table, found a damaged file ({error}); delete it and run `dvc repro`"
        ) from error


def byte_lengths(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """How long the binary values of a table are, 0 where there is none, without holding them: ``[row, column]``."""
    parts = []
    for file in table_files(path):
        with pq.ParquetFile(file) as table:
            for batch in table.iter_batches(batch_size=ROWS_PER_GROUP, columns=list(columns)):
                parts.append({
                    name: [0 if value is None else len(value) for value in batch[name].to_pylist()] for name in columns
                })  # fmt: skip
    return pd.concat([pd.DataFrame(part) for part in parts], ignore_index=True)


def _num_rows(path: Path) -> int:
    try:
        return pq.read_metadata(path).num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(
            f"{path}: expected a Parquet table, found a damaged file ({error}); delete it and run `dvc repro`"
        ) from error
