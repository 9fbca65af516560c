"""Tables on disk: Parquet, written whole or not at all."""

import os
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from crescendai.errors import DataError


def write_table(frame: pd.DataFrame, path: Path, rows_per_group: int | None = None) -> None:
    """Writes a table next to its place and moves it there, so that a crash leaves the old one.

    rows_per_group: rows read at once by a streaming reader; small for tables that carry audio.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".part")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    # No writer version or creation time goes into the file: equal tables are equal bytes.
    pq.write_table(table.replace_schema_metadata(None), partial, compression="zstd", row_group_size=rows_per_group)
    os.replace(partial, path)


def read_table(path: Path, columns: list[str] | None = None) -> pd.DataFrame:
    """Reads a table, or some of its columns.

    Raises:
        DataError: the file is missing, is not Parquet or lacks a column.
    """
    if not path.exists():
        raise DataError(f"{path}: expected here, not found; run `dvc repro`, which makes it")
    try:
        return pq.read_table(path, columns=columns).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{path}: expected a Parquet table, found a damaged file ({error}); "
                        "delete it and run `dvc repro`") from error
