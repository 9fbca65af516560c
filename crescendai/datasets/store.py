"""The spectrogram store: all clips' log-mel frames in one memory-mapped array, and an index.

::

    <folder>/frames.npy        float16 [frame, mel band], dB
    <folder>/index.parquet     clip_id, instrument, start_frame, num_frames, duration_s, sha256
    <folder>/spectrogram.json  the settings it was made with

float16 resolves 0.06 dB at -100 dB, a tenth of the smallest level difference that ears notice.
"""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from crescendai.datasets.tables import read_table, write_table
from crescendai.errors import DataError

INDEX_COLUMNS = ["clip_id", "instrument", "start_frame", "num_frames", "duration_s", "sha256"]


class SpectrogramStore:
    """Read access to a store; frames stay on disk until they are touched."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.index = read_table(folder / "index.parquet", INDEX_COLUMNS)
        self.settings = json.loads((folder / "spectrogram.json").read_text())
        frames_path = folder / "frames.npy"
        try:
            self.frames = np.load(frames_path, mmap_mode="r")  # [frame, mel band]
        except (OSError, ValueError, EOFError) as error:
            raise DataError(
                f"{frames_path}: expected an array of frames, found a damaged or missing file ({error}); "
                "delete it and run `dvc repro`"
            ) from error
        expected = int(self.index["num_frames"].sum())
        if len(self.frames) != expected:
            raise DataError(
                f"{frames_path}: expected {expected} frames, found {len(self.frames)}; "
                "delete it and run `dvc repro`"
            )
        self._start = self.index["start_frame"].to_numpy()
        self._num_frames = self.index["num_frames"].to_numpy()

    def __len__(self) -> int:
        return len(self.index)

    def clip(self, position: int) -> np.ndarray:
        """Log-mel spectrogram in dB of row ``position`` of the index: float16 ``[t, f]``, a view."""
        start = self._start[position]
        return self.frames[start : start + self._num_frames[position]]

    def verify(self) -> None:
        """Compares every clip with its checksum.

        Raises:
            DataError: names the clips that differ.
        """
        damaged = [
            row.clip_id
            for position, row in enumerate(self.index.itertuples())
            if frames_sha256(self.clip(position)) != row.sha256
        ]
        if damaged:
            raise DataError(
                f"{self.folder}: expected frames with the checksums of the index, found {len(damaged)} "
                f"damaged clips, e.g. {damaged[0]}; delete the folder and run `dvc repro`"
            )


def frames_sha256(frames: np.ndarray) -> str:
    """Checksum of one clip's float16 frames."""
    return hashlib.sha256(np.ascontiguousarray(frames).tobytes()).hexdigest()


def write_store(
    folder: Path, clips: pd.DataFrame, spectrograms: Iterable[np.ndarray], n_mels: int, settings: dict
) -> None:
    """Writes a store clip by clip, in flat memory.

    clips: clip_id, instrument, num_frames, duration_s, one row a spectrogram, in order.
    spectrograms: log-mel in dB, ``[num_frames, n_mels]`` each.
    """
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / "frames.npy.part"
    ends = clips["num_frames"].cumsum().to_numpy()
    starts = ends - clips["num_frames"].to_numpy()
    frames = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float16, shape=(int(ends[-1]), n_mels))
    checksums = []
    for start, end, spectrogram in zip(starts, ends, spectrograms, strict=True):
        frames[start:end] = spectrogram
        checksums.append(frames_sha256(frames[start:end]))
    frames.flush()
    del frames
    os.replace(partial, folder / "frames.npy")
    (folder / "spectrogram.json").write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n")
    index = clips.assign(start_frame=starts, sha256=checksums)
    write_table(index[INDEX_COLUMNS], folder / "index.parquet")
