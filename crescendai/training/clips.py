"""A rated corpus as training sees it: clips, and the sounds of each on one or several pianos."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from crescendai.datasets.store import SpectrogramStore
from crescendai.datasets.targets import Targets
from crescendai.errors import DataError
from crescendai.models.descriptors import DescriptorScale
from crescendai.models.hearing import HEARD
from crescendai.models.prediction import Predict, predict_clips
from crescendai.models.windows import InputScale


@dataclass(frozen=True)
class RatedClips:
    """Ratings of clips and access to their sounds.

    ratings: ``[clip, k]`` mean ratings, 0 to 1; NaN where there is none.
    num_raters: ``[clip]``. rater_variance: ``[clip, k]`` unbiased, of a clip's single ratings; NaN where there is one.
    recordings: for every clip the positions of its recordings, one an instrument.
    read: log-mel spectrogram of the recording at a position, ``[t, f]`` in dB.
    descriptors: ``[recording, m]`` in their own units, and descriptor_names ``[m]``.
    """

    ratings: np.ndarray
    num_raters: np.ndarray
    rater_variance: np.ndarray
    recordings: list[np.ndarray]
    read: Callable[[int], np.ndarray]
    descriptors: np.ndarray
    descriptor_names: tuple[str, ...]

    @classmethod
    def of(
        cls, clips: pd.DataFrame, single_ratings: pd.DataFrame, store: SpectrogramStore, descriptors: pd.DataFrame,
        targets: Targets,
    ) -> "RatedClips":  # fmt: skip
        """Joins the tables of clips, single ratings and descriptors with the store.

        Raises:
            DataError: a clip has no spectrogram, no finite rating or no single rating, or descriptors are of
                other recordings or not finite.
        """
        names = list(targets.names)
        ratings = clips[names].to_numpy(dtype=np.float64)
        rows = store.index.groupby("clip_id").indices
        by_clip = single_ratings.groupby("clip_id")[names]
        num_raters = by_clip.size().reindex(clips["clip_id"])
        lacking = {
            "spectrogram": [clip_id for clip_id in clips["clip_id"] if clip_id not in rows],
            "finite rating": clips.loc[
                ~np.isfinite(ratings).any(axis=1) | np.isinf(ratings).any(axis=1), "clip_id"
            ].tolist(),
            "single rating": num_raters.index[num_raters.isna()].tolist(),
        }
        for lack, offenders in lacking.items():
            if offenders:
                raise DataError(
                    f"{store.folder}: expected a {lack} for each of {len(clips)} clips, "
                    f"found {len(offenders)} without, e.g. {offenders[0]}; run `dvc repro`"
                )
        variance = by_clip.var(ddof=1).reindex(clips["clip_id"]).to_numpy()
        described = tuple(column for column in descriptors if column not in ("clip_id", "instrument"))
        return cls(
            ratings, num_raters.to_numpy(float), variance, [rows[clip_id] for clip_id in clips["clip_id"]], store.clip,
            _in_order_of(store, descriptors)[list(described)].to_numpy(float), described,
        )  # fmt: skip

    def as_sound_alone(self) -> "RatedClips":
        """Without the descriptors of what a pretrained network heard."""
        kept = [column for column, name in enumerate(self.descriptor_names) if not name.startswith(HEARD)]
        names = tuple(self.descriptor_names[column] for column in kept)
        return replace(self, descriptors=self.descriptors[:, kept], descriptor_names=names)

    def rows(self, chosen: np.ndarray) -> np.ndarray:
        """Positions of all recordings of the clips at ``chosen``, clip by clip."""
        return np.concatenate([self.recordings[clip] for clip in chosen])

    def spectrograms(self, chosen: np.ndarray) -> Iterator[np.ndarray]:
        """All recordings of the clips at the positions ``chosen``, clip by clip."""
        return (self.read(int(row)) for row in self.rows(chosen))


def predict_rated(
    predict: Predict,
    params: dict,
    clips: RatedClips,
    chosen: np.ndarray,
    scale: InputScale,
    descriptor_scale: DescriptorScale | None,
    window_frames: int,
    batch_size: int,
) -> np.ndarray:
    """Ratings of the clips at ``chosen``, the mean over the instruments of each: ``[clip, k]``."""
    described = None
    if descriptor_scale is not None:
        described = descriptor_scale.apply(clips.descriptors[clips.rows(chosen)])
    by_recording = predict_clips(
        predict, params, list(clips.spectrograms(chosen)), scale, described, window_frames, batch_size
    )
    ends = np.cumsum([len(clips.recordings[clip]) for clip in chosen])
    return np.stack([rows.mean(axis=0) for rows in np.split(by_recording, ends[:-1])])


def _in_order_of(store: SpectrogramStore, descriptors: pd.DataFrame) -> pd.DataFrame:
    keys = ["clip_id", "instrument"]
    table = store.index[keys].merge(descriptors, on=keys, how="left", validate="one_to_one")
    sound = [name for name in table if name not in keys and not name.startswith(HEARD)]
    values = table[sound].to_numpy(float)  # of what was heard there may be none
    bad = table.loc[~np.isfinite(values).all(axis=1), "clip_id"].tolist()
    if bad:
        raise DataError(
            f"descriptors.parquet: expected finite descriptors for each of {len(table)} recordings, found "
            f"{len(bad)} without, e.g. {bad[0]}; run `dvc repro spectrograms`"
        )
    return table
