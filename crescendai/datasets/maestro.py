"""MAESTRO v3: 198 hours of competition performances, as MIDI and as recordings; what the network is pretrained on.

Hawthorne, C. et al. Enabling factorized piano music modeling and generation with the MAESTRO dataset.
ICLR 2019, arXiv 1810.12247. CC BY-NC-SA 4.0. https://magenta.tensorflow.org/datasets/maestro

Upstream gives one zip of all MIDI files (56 MB) and one that has the recordings as well (101 GB), each verified by
its own size and checksum. In a mirror the files lie unpacked: there each MIDI file is verified against a
committed manifest, and each recording by its length, for upstream publishes no checksums of single recordings.
"""

import os
import re
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from crescendai.audio.recording import recording_seconds
from crescendai.datasets.archive import Archive
from crescendai.datasets.download import DOWNLOADS, MIRROR_VARIABLE, TIMEOUT_S, download, locate
from crescendai.datasets.manifest import ManifestFile, check_file, load_manifest
from crescendai.errors import DataError

BASE_URL = "https://storage.googleapis.com/magentadata/datasets/maestro/v3.0.0/"
CSV = ManifestFile(
    "maestro-v3.0.0.csv", 298_977, "cb88a64a12971a995dd41852aa3a33879501cf70d01b9a6feb637f4ad8d8ddff"
)
ZIP = ManifestFile(
    "maestro-v3.0.0-midi.zip", 58_416_533, "70470ee253295c8d2c71e6d9d4a815189e35c89624b76d22fce5a019d5dde12c"
)
AUDIO_ZIP_NAME = "maestro-v3.0.0.zip"
AUDIO_ZIP_SHA256 = "6680fea5be2339ea15091a249fbd70e49551246ddbd5ca50f1b2352c08c95291"
FOLDER_IN_ZIP = "maestro-v3.0.0/"
SPLITS = {"train": 962, "validation": 137, "test": 177}  # performances
COLUMNS = ["canonical_composer", "canonical_title", "split", "year", "midi_filename", "audio_filename", "duration"]
LONGEST_S = 240.0  # a stretch of music that is heard at once: what a worker holds does not grow with a performance
LENGTH_TOLERANCE_S = 1.0  # between a recording and the table


class Maestro(NamedTuple):
    """The official table, a row a performance (`COLUMNS`), and where its files are."""

    table: pd.DataFrame
    midi: Archive
    recordings: Archive | None


def open_maestro(recordings: bool = False, downloads: Path = DOWNLOADS) -> Maestro:
    """Makes sure that the table and all MIDI files are here and right.

    recordings: also open the recordings: of ``<mirror>/maestro-v3.0.0/`` or the official zip beside it, or else
        of the official zip, which is downloaded (101 GB; a download that stops goes on where it was).

    Raises:
        DataError: a file is missing, cannot be had, or is another one.
    """
    mirror = os.environ.get(MIRROR_VARIABLE)
    if mirror:
        manifest = load_manifest("maestro")
        find = locate(manifest)
        root = Path(mirror).expanduser() / manifest.mirror_folder
        midi, table = Archive(root.absolute()), _read_csv(find(CSV.path))
        zipped = root.parent / AUDIO_ZIP_NAME
        audio = _checked_zip(zipped) if recordings and zipped.exists() else midi if recordings else None
        return Maestro(table, midi, audio)
    folder = downloads / "maestro"
    for file in (CSV, ZIP):
        download(BASE_URL + file.path, folder / file.path, file)
    midi = Archive((folder / ZIP.path).absolute(), FOLDER_IN_ZIP)
    if not recordings:
        return Maestro(_read_csv(folder / CSV.path), midi, None)
    size = content_length(BASE_URL + AUDIO_ZIP_NAME)
    whole = ManifestFile(AUDIO_ZIP_NAME, size, AUDIO_ZIP_SHA256)
    download(BASE_URL + AUDIO_ZIP_NAME, folder / AUDIO_ZIP_NAME, whole)
    return Maestro(_read_csv(folder / CSV.path), midi, Archive((folder / AUDIO_ZIP_NAME).absolute(), FOLDER_IN_ZIP))


def find_recordings(maestro: Maestro, drawn: pd.DataFrame, wanted: str) -> pd.Series:
    """Which of the drawn excerpts have a recording, ``[excerpt]``, all False without an archive of them.

    wanted: ``all`` or ``some``.

    Raises:
        DataError: one is missing though all are wanted, or is not as long as the table says.
    """
    if maestro.recordings is None:
        return pd.Series(False, drawn.index)
    there = {name: maestro.recordings.has(name) for name in drawn["audio_filename"].unique()}
    missing = [name for name, found in there.items() if not found]
    if missing and wanted == "all":
        raise DataError(
            f"{maestro.recordings.path}: expected {len(there)} recordings, found {len(missing)} missing, e.g. "
            f"{missing[0]}; fetch them, or set pretraining.recordings to some"
        )
    for row in drawn.drop_duplicates("audio_filename").itertuples():
        if there[row.audio_filename]:
            with maestro.recordings.open(row.audio_filename) as stream:
                length_s = recording_seconds(stream, row.audio_filename)
            if abs(length_s - row.duration) > LENGTH_TOLERANCE_S:
                raise DataError(
                    f"{row.audio_filename}: expected {row.duration:.1f} s as in {CSV.path}, found {length_s:.1f}; "
                    "fetch it again"
                )
    return drawn["audio_filename"].map(there)


def excluded(table: pd.DataFrame, patterns: Sequence[str]) -> pd.Series:
    """Which performances match one of the patterns: bool, a row a performance.

    patterns: regular expressions looked for in ``<composer>: <title>``, whatever the case.
    """
    names = table["canonical_composer"] + ": " + table["canonical_title"]
    return names.map(lambda name: any(re.search(pattern, name, re.IGNORECASE) for pattern in patterns))


def draw_excerpts(table: pd.DataFrame, hours: float, shortest_s: float, seed: int) -> pd.DataFrame:
    """One excerpt of every performance, all equally long, that add up to ``hours``.

    A share of everything instead of all of a few: the pieces of a year, a composer or a pianist are heard
    in the proportion in which the corpus has them. Performances shorter than an excerpt are heard whole. Where
    excerpts would be shorter than ``shortest_s``, fewer performances are heard: of every year its share, drawn by
    the seed, and those of fewer hours are among those of more.

    shortest_s: performances shorter than this are left out.

    Returns:
        The table's rows with ``start_s`` and ``end_s``; an excerpt longer than `LONGEST_S` is several rows.

    Raises:
        DataError: fewer hours in the table than asked for.
    """
    long_enough = table[table["duration"] >= shortest_s]
    if long_enough["duration"].sum() < hours * 3600:
        raise DataError(
            f"{CSV.path}: expected at least {hours:g} hours, found {long_enough['duration'].sum() / 3600:.1f}; "
            "lower the hours"
        )
    rng = np.random.default_rng(seed)
    position = rng.random(len(long_enough))  # of every performance, drawn or not: the same for any number of hours
    wanted = max(int(hours * 3600 / shortest_s), 1)
    chosen = np.sort(_share_of_years(long_enough["year"].to_numpy(), min(wanted, len(long_enough)), rng))
    drawn, position = long_enough.iloc[chosen], position[chosen]
    duration = drawn["duration"].to_numpy(float)
    length_s = _common_length(duration, hours * 3600)
    start_s = position * np.maximum(duration - length_s, 0.0)
    return _in_stretches(drawn.assign(start_s=start_s, end_s=np.minimum(start_s + length_s, duration)))


def _share_of_years(years: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Positions of ``count`` performances, of every year as many as its share, to the nearest whole number."""
    order = rng.permutation(len(years))
    rank = np.empty(len(years))  # where a performance stands in its year, 0 to 1
    for year in np.unique(years):
        own = order[years[order] == year]
        rank[own] = (np.arange(len(own)) + 0.5) / len(own)
    return np.lexsort((order, rank))[:count]


def _in_stretches(drawn: pd.DataFrame) -> pd.DataFrame:
    """Excerpts longer than `LONGEST_S` cut into equal parts."""
    length = drawn["end_s"] - drawn["start_s"]
    parts = np.maximum(np.ceil(length / LONGEST_S - 1e-9), 1).astype(int)
    rows = drawn.loc[drawn.index.repeat(parts)]
    part = np.concatenate([np.arange(count) for count in parts])
    step = np.repeat((length / parts).to_numpy(), parts)
    start_s = rows["start_s"].to_numpy() + part * step
    return rows.assign(start_s=start_s, end_s=start_s + step, part=part)


def _common_length(duration: np.ndarray, total: float) -> float:
    """The length L for which ``sum(min(duration, L))`` is ``total``."""
    ascending = np.sort(duration)
    before = np.append(0.0, np.cumsum(ascending)[:-1])  # all of the shorter ones
    longest = before + ascending * np.arange(len(ascending), 0, -1)
    rank = min(int(np.searchsorted(longest, total)), len(ascending) - 1)
    return float((total - before[rank]) / (len(ascending) - rank))


def content_length(url: str) -> int:
    """How large a file is, as its server says.

    Raises:
        DataError: no answer.
    """
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT_S) as answer:
            return int(answer.headers["Content-Length"])
    except (OSError, TypeError, ValueError) as error:
        raise DataError(f"{url}: expected an answer, found none ({error}); check the network, or point "
                        f"{MIRROR_VARIABLE} at a local mirror") from error


def _checked_zip(path: Path) -> Archive:
    check_file(path, ManifestFile(AUDIO_ZIP_NAME, path.stat().st_size, AUDIO_ZIP_SHA256))
    return Archive(path.absolute(), FOLDER_IN_ZIP)


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        table = pd.read_csv(path)[COLUMNS]
    except (ValueError, KeyError) as error:
        raise DataError(f"{path}: expected MAESTRO's table, found {error}; fetch it again") from error
    found = table["split"].value_counts().to_dict()
    if found != SPLITS:
        raise DataError(f"{path}: expected splits of {SPLITS} performances, found {found}; fetch it again")
    return table
