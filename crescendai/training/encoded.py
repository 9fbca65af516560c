"""Windows that a frozen backbone has heard already: it says the same of them in every epoch and every fold."""

from collections.abc import Iterator
from dataclasses import dataclass

import jax
import numpy as np
from tqdm import tqdm

from crescendai.models.backbone import Backbone
from crescendai.models.descriptors import DescriptorScale
from crescendai.models.prediction import Judge, mean_states
from crescendai.models.windows import InputScale, cut_window, window_starts
from crescendai.training.batches import Batch, Scales, of_clips
from crescendai.training.clips import RatedClips

OVERLAP = 3  # windows that hold a frame: as varied as random ones, nearly
BATCH_SIZE = 32


@dataclass(frozen=True)
class EncodedWindows:
    """What the backbone makes of evenly spaced, overlapping windows of every recording.

    pooled: float32 ``[window, d]``.
    of_recording: for every recording the positions of its windows. Every `OVERLAP`-th of them is one of those that
        rate the recording, see `crescendai.models.windows.window_starts`.
    """

    pooled: np.ndarray
    of_recording: list[np.ndarray]

    @classmethod
    def of(cls, backbone: Backbone, params: dict, clips: RatedClips, scale: InputScale) -> "EncodedWindows":
        """Listens to all recordings once.

        params: of the backbone.
        """
        encode = jax.jit(lambda params, x, frames: backbone.apply({"params": params}, x, frames).pooled)
        window_frames = backbone.config.max_frames
        num_recordings = sum(map(len, clips.recordings))
        places = [
            (row, start)
            for row in range(num_recordings)
            for start in overlapping_starts(len(clips.read(row)), window_frames)
        ]
        pooled = []
        for first in tqdm(range(0, len(places), BATCH_SIZE), "frozen encoder", unit="batch", leave=False):
            batch = places[first : first + BATCH_SIZE]
            filled = batch + [batch[0]] * (BATCH_SIZE - len(batch))
            windows = [cut_window(clips.read(row), start, window_frames, scale) for row, start in filled]
            x, num_frames = (np.stack(part) for part in zip(*windows, strict=True))
            pooled.append(np.asarray(encode(params, x, num_frames.astype(np.int32)))[: len(batch)])
        owner = np.array([row for row, _ in places])
        return cls(np.concatenate(pooled), [np.flatnonzero(owner == row) for row in range(num_recordings)])


def overlapping_starts(num_frames: int, window_frames: int) -> np.ndarray:
    """First frames of the windows that rate a clip, and of two between neighbours; ``[0]`` for a short clip."""
    rating = window_starts(num_frames, window_frames)
    between = np.linspace(0, len(rating) - 1, OVERLAP * (len(rating) - 1) + 1)
    starts = np.interp(between, np.arange(len(rating)), rating).round().astype(int)
    starts[::OVERLAP] = rating
    return starts


def rate_encoded(
    judge: Judge, params: dict, clips: RatedClips, encoded: EncodedWindows, chosen: np.ndarray,
    scale: DescriptorScale,
) -> np.ndarray:  # fmt: skip
    """Ratings of the clips at ``chosen``, as of `crescendai.training.clips.predict_rated`: ``[clip, k]``.

    judge: of a network that needs no patches. params: all but the backbone's.
    """
    rows = clips.rows(chosen)
    windows = [encoded.of_recording[row][::OVERLAP] for row in rows]
    states = mean_states(encoded.pooled[np.concatenate(windows)], np.array([len(own) for own in windows]))
    by_recording = np.asarray(judge(params, states, scale.apply(clips.descriptors[rows])), np.float64)
    ends = np.cumsum([len(clips.recordings[clip]) for clip in chosen])
    return np.stack([own.mean(axis=0) for own in np.split(by_recording, ends[:-1])])


def encoded_batches(
    clips: RatedClips, encoded: EncodedWindows, chosen: np.ndarray, scales: Scales, batch_size: int,
    rng: np.random.Generator,
) -> Iterator[Batch]:  # fmt: skip
    """One epoch, as of `crescendai.training.batches.training_batches`, of windows heard before."""
    order = np.append(rng.permutation(chosen), rng.choice(chosen, -len(chosen) % batch_size))
    target = scales.targets(clips)
    described = scales.descriptors.apply(clips.descriptors)
    for members in order.reshape(-1, batch_size):
        rows = [int(rng.choice(clips.recordings[clip])) for clip in members]
        windows = [int(rng.choice(encoded.of_recording[row])) for row in rows]
        yield Batch(None, None, described[rows], of_clips(target, members), encoded.pooled[windows])
