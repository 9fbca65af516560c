"""Training batches: random windows of clips, lightly masked, in a seeded order."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from crescendai.models.windows import InputScale, cut_window, random_start
from crescendai.training.clips import RatedClips


class Batch(NamedTuple):
    """Windows of several clips and what was rated."""

    spectrogram: np.ndarray  # float32 [b, t, f], standardised, zero where padded
    num_frames: np.ndarray  # int32 [b]
    ratings: np.ndarray  # float32 [b, k], standardised


class Augmentation(NamedTuple):
    """How training windows are varied. Their level is never touched: dimensions rate it.

    time_mask, mel_mask: widest masked stretch as a share of the clip's frames and the bands; the
        stretch is set to the mean level (SpecAugment, arXiv 1904.08779).
    """

    time_mask: float
    mel_mask: float


def training_batches(
    clips: RatedClips,
    chosen: np.ndarray,
    ratings: np.ndarray,
    scale: InputScale,
    window_frames: int,
    batch_size: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """One epoch: every clip once, on one of its instruments and in one of its windows, both drawn.

    chosen: ``[clip]`` positions of the clips to train on.
    ratings: standardised ratings of all clips of the corpus.
    scale: of the training part.

    Yields:
        Batches of ``batch_size``; the last is filled up with clips drawn once more.
    """
    order = np.append(rng.permutation(chosen), rng.choice(chosen, -len(chosen) % batch_size))
    for members in order.reshape(-1, batch_size):
        windows, num_frames = [], []
        for clip in members:
            log_mel = clips.read(int(rng.choice(clips.recordings[clip])))
            start = random_start(len(log_mel), window_frames, rng)
            window, heard = cut_window(log_mel, start, window_frames, scale)
            mask_stretches(window[:heard], augmentation, rng)
            windows.append(window)
            num_frames.append(heard)
        yield Batch(np.stack(windows), np.array(num_frames, dtype=np.int32), ratings[members])


def mask_stretches(window: np.ndarray, augmentation: Augmentation, rng: np.random.Generator) -> None:
    """Sets one stretch of frames and one of bands of a standardised window ``[t, f]`` to 0, in place."""
    for axis, share in ((0, augmentation.time_mask), (1, augmentation.mel_mask)):
        width = int(rng.integers(int(share * window.shape[axis]) + 1))
        start = int(rng.integers(window.shape[axis] - width + 1))
        np.moveaxis(window, axis, 0)[start : start + width] = 0.0
