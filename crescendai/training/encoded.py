"""Windows that a frozen backbone has heard already: it says the same of them in every epoch and every fold."""

from collections.abc import Iterator
from dataclasses import dataclass

import jax
import numpy as np
from tqdm import tqdm

from crescendai.models.backbone import Backbone
from crescendai.models.windows import InputScale, cut_window
from crescendai.training.batches import Batch, Scales, of_clips
from crescendai.training.clips import RatedClips

OVERLAP = 3  # windows that hold a frame: as varied as random ones, nearly
BATCH_SIZE = 32


@dataclass(frozen=True)
class EncodedWindows:
    """What the backbone makes of evenly spaced, overlapping windows of every recording.

    pooled: float32 ``[window, d]``.
    of_recording: for every recording the positions of its windows.
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
    """First frames of evenly spaced windows, a third of a window apart or less; ``[0]`` for a short clip."""
    room = max(num_frames - window_frames, 0)
    num_windows = 1 - (-room * OVERLAP // window_frames)
    return np.linspace(0, room, num_windows).round().astype(int)


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
