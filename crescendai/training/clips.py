"""A rated corpus as training sees it: clips, and the sounds of each on one or several pianos."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from crescendai.datasets.store import SpectrogramStore
from crescendai.dimensions import NAMES
from crescendai.errors import DataError
from crescendai.models.prediction import PredictWindows, predict_clips
from crescendai.models.windows import InputScale


@dataclass(frozen=True)
class RatedClips:
    """Ratings of clips and access to their spectrograms.

    ratings: ``[clip, k]`` mean ratings, 0 to 1.
    recordings: for every clip the positions of its recordings, one an instrument.
    read: log-mel spectrogram of the recording at a position, ``[t, f]`` in dB.
    """

    ratings: np.ndarray
    recordings: list[np.ndarray]
    read: Callable[[int], np.ndarray]

    @classmethod
    def of(cls, clips: pd.DataFrame, store: SpectrogramStore) -> "RatedClips":
        """Joins the table of clips with the store.

        Raises:
            DataError: a clip has no spectrogram, or no finite rating.
        """
        ratings = clips[list(NAMES)].to_numpy(dtype=np.float64)
        rows = store.index.groupby("clip_id").indices
        silent = [clip_id for clip_id in clips["clip_id"] if clip_id not in rows]
        unrated = clips.loc[~np.isfinite(ratings).all(axis=1), "clip_id"].tolist()
        for offenders, lack in ((silent, "spectrogram"), (unrated, "finite rating in all dimensions")):
            if offenders:
                raise DataError(
                    f"{store.folder}: expected a {lack} for each of {len(clips)} clips, "
                    f"found {len(offenders)} without, e.g. {offenders[0]}; run `dvc repro`"
                )
        return cls(ratings, [rows[clip_id] for clip_id in clips["clip_id"]], store.clip)

    def spectrograms(self, chosen: np.ndarray) -> Iterator[np.ndarray]:
        """All recordings of the clips at the positions ``chosen``, clip by clip."""
        return (self.read(int(row)) for clip in chosen for row in self.recordings[clip])


def predict_rated(
    predict: PredictWindows,
    params: dict,
    clips: RatedClips,
    chosen: np.ndarray,
    scale: InputScale,
    window_frames: int,
    batch_size: int,
) -> np.ndarray:
    """Ratings of the clips at ``chosen``, the mean over the instruments of each: ``[clip, k]``."""
    by_recording = predict_clips(
        predict, params, list(clips.spectrograms(chosen)), scale, window_frames, batch_size
    )
    ends = np.cumsum([len(clips.recordings[clip]) for clip in chosen])
    return np.stack([rows.mean(axis=0) for rows in np.split(by_recording, ends[:-1])])
