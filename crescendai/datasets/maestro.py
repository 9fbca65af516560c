"""MAESTRO v3: 198 hours of competition performances as MIDI, what the network is pretrained on.

Hawthorne, C. et al. Enabling factorized piano music modeling and generation with the MAESTRO dataset.
ICLR 2019, arXiv 1810.12247. CC BY-NC-SA 4.0. https://magenta.tensorflow.org/datasets/maestro

Upstream gives one zip of all MIDI files, verified by its own checksum; in a mirror the files lie unpacked,
and each is verified against a committed manifest.
"""

import io
import os
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from crescendai.datasets.download import DOWNLOADS, MIRROR_VARIABLE, download, locate
from crescendai.datasets.manifest import ManifestFile, load_manifest
from crescendai.errors import DataError

BASE_URL = "https://storage.googleapis.com/magentadata/datasets/maestro/v3.0.0/"
CSV = ManifestFile(
    "maestro-v3.0.0.csv", 298_977, "cb88a64a12971a995dd41852aa3a33879501cf70d01b9a6feb637f4ad8d8ddff"
)
ZIP = ManifestFile(
    "maestro-v3.0.0-midi.zip", 58_416_533, "70470ee253295c8d2c71e6d9d4a815189e35c89624b76d22fce5a019d5dde12c"
)
FOLDER_IN_ZIP = "maestro-v3.0.0/"
COLUMNS = ["canonical_composer", "canonical_title", "split", "year", "midi_filename", "duration"]


def open_maestro(downloads: Path = DOWNLOADS) -> tuple[pd.DataFrame, Callable[[str], bytes]]:
    """Makes sure that the table and all MIDI files are here and right.

    Returns:
        The official table, a row a performance (columns `COLUMNS`), and what reads the MIDI file of a
        ``midi_filename``.

    Raises:
        DataError: a file is missing, cannot be had, or is another one.
    """
    if os.environ.get(MIRROR_VARIABLE):
        find = locate(load_manifest("maestro"))
        return _read_csv(find(CSV.path)), lambda name: find(name).read_bytes()
    folder = downloads / "maestro"
    for file in (CSV, ZIP):
        download(BASE_URL + file.path, folder / file.path, file)
    content = (folder / ZIP.path).read_bytes()  # 56 MB, and the workers need none of it

    def read(name: str) -> bytes:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return archive.read(FOLDER_IN_ZIP + name)

    return _read_csv(folder / CSV.path), read


def excluded(table: pd.DataFrame, patterns: Sequence[str]) -> pd.Series:
    """Which performances match one of the patterns: bool, a row a performance.

    patterns: regular expressions looked for in ``<composer>: <title>``, whatever the case.
    """
    names = table["canonical_composer"] + ": " + table["canonical_title"]
    return names.map(lambda name: any(re.search(pattern, name, re.IGNORECASE) for pattern in patterns))


def draw_excerpts(table: pd.DataFrame, hours: float, shortest_s: float, seed: int) -> pd.DataFrame:
    """One excerpt of every performance, all equally long, that add up to ``hours``.

    A share of everything instead of all of a few: the pieces of a year, a composer or a pianist are heard
    in the proportion in which the corpus has them. Performances shorter than an excerpt are heard whole.

    shortest_s: performances shorter than this are left out.

    Returns:
        The table's rows with ``start_s`` and ``end_s``.

    Raises:
        DataError: fewer hours in the table than asked for.
    """
    long_enough = table[table["duration"] >= shortest_s]
    duration = long_enough["duration"].to_numpy(float)
    if duration.sum() < hours * 3600:
        raise DataError(
            f"{CSV.path}: expected at least {hours:g} hours, found {duration.sum() / 3600:.1f}; lower the hours"
        )
    length_s = _common_length(duration, hours * 3600)
    room = np.maximum(duration - length_s, 0.0)
    start_s = np.random.default_rng(seed).random(len(duration)) * room
    return long_enough.assign(start_s=start_s, end_s=np.minimum(start_s + length_s, duration))


def _common_length(duration: np.ndarray, total: float) -> float:
    """The length L for which ``sum(min(duration, L))`` is ``total``."""
    ascending = np.sort(duration)
    before = np.append(0.0, np.cumsum(ascending)[:-1])  # all of the shorter ones
    longest = before + ascending * np.arange(len(ascending), 0, -1)
    rank = int(np.searchsorted(longest, total))
    return float((total - before[rank]) / (len(ascending) - rank))


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path)[COLUMNS]
    except (ValueError, KeyError) as error:
        raise DataError(f"{path}: expected MAESTRO's table, found {error}; fetch it again") from error
