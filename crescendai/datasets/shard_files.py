"""Arrays on disk in shards: files of at most a set size, each with a checksum, memory-mapped where they are read."""

import os
import shutil
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from crescendai.datasets.manifest import sha256_of
from crescendai.errors import DataError

MAPPED = 8  # files of an array that are mapped at once: what is read of them counts as this process's memory


class ShardFile(NamedTuple):
    """One file of an array: its rows, and its checksum."""

    file: str
    rows: int
    sha256: str


class ShardedArray:
    """Rows of an array that lies in several files; only those touched come into memory."""

    def __init__(self, folder: Path, files: Iterable[ShardFile]):
        self.folder = folder
        self.files = list(files)
        paths, rows = [folder / file.file for file in self.files], [file.rows for file in self.files]
        for path, expected in zip(paths, rows, strict=True):
            _map(path, expected)
        self._mapped = lru_cache(MAPPED)(lambda shard: _map(paths[shard], rows[shard]))

    def rows(self, shard: int, start: int, count: int) -> np.ndarray:
        """A stretch of one file, a view."""
        return self._mapped(shard)[start : start + count]

    def damaged(self) -> list[str]:
        """Names of the files that are not as they were written."""
        return [file.file for file in self.files if sha256_of(self.folder / file.file) != file.sha256]


class RowWriter:
    """Writes an array row by row, when it is known how many there will be.

    Not through a memory map: on a full disk that ends the process without a word.
    """

    def __init__(self, path: Path, rows: int, row_shape: tuple[int, ...], dtype: np.dtype):
        self.path, self.dtype, self.left = path, np.dtype(dtype), rows
        self._row_shape, self._rows = row_shape, rows
        self._stream = path.open("wb")
        header = {"descr": np.lib.format.dtype_to_descr(self.dtype), "fortran_order": False,
                  "shape": (rows, *row_shape)}  # fmt: skip
        np.lib.format.write_array_header_1_0(self._stream, header)

    def write(self, values: np.ndarray) -> bytes:
        """Appends rows; the bytes written."""
        content = np.ascontiguousarray(values, self.dtype)
        if content.shape[1:] != self._row_shape or len(content) > self.left:
            raise DataError(
                f"{self.path}: expected {self.left} more rows of {self._row_shape}, found {content.shape}; report it"
            )
        self.left -= len(content)
        self._stream.write(content.tobytes())
        return content.tobytes()

    def __enter__(self) -> "RowWriter":
        return self

    def __exit__(self, kind: type | None, *error: object) -> None:
        self._stream.close()
        if kind is None and self.left:
            raise DataError(f"{self.path}: expected {self._rows} rows, found {self.left} fewer; report it")


def array_rows(path: Path) -> int:
    """How many rows a file has."""
    return len(np.load(path, mmap_mode="r"))


def link_or_copy(source: Path, target: Path) -> None:
    """Gives a file a second name: no second copy where the file system can do that."""
    partial = target.with_name(target.name + ".part")
    partial.unlink(missing_ok=True)
    try:
        os.link(source, partial)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, partial)
    os.replace(partial, target)


def _map(path: Path, rows: int) -> np.ndarray:
    try:
        array = np.load(path, mmap_mode="r") if rows else np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path}: expected an array, found a damaged or missing file ({error}); delete it and run `dvc repro`"
        ) from error
    if len(array) != rows:
        raise DataError(f"{path}: expected {rows} rows, found {len(array)}; delete it and run `dvc repro`")
    return array
