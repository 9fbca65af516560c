"""Training batches: random windows of clips, lightly masked, in a seeded order."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from crescendai.models.windows import InputScale, cut_window, random_start


class Batch(NamedTuple):
    """Windows of several clips and what was rated."""

    spectrogram: np.ndarray  # float32 [b, t, f], standardised, zero where padded
    num_frames: np.ndarray  # int32 [b]
    ratings: np.ndarray  # float32 [b, k], standardised


class Augmentation(NamedTuple):
    """How training windows are varied. Their level is never touched: dimensions rate it.

    time_mask, mel_mask: widest masked stretch as a share of the window's frames and bands; the
        stretch is set to the mean level (SpecAugment, arXiv 1904.08779).
    mixup: ``a`` of the Beta(a, a) law by which windows and ratings are mixed in pairs
        (arXiv 1710.09412); 0 for none.
    """

    time_mask: float
    mel_mask: float
    mixup: float


def training_batches(
    read_clip: Callable[[int], np.ndarray],
    recordings: Sequence[np.ndarray],
    ratings: np.ndarray,
    scale: InputScale,
    window_frames: int,
    batch_size: int,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> Iterator[Batch]:
    """One epoch: every clip once, on one of its instruments and in one of its windows, both drawn.

    read_clip: log-mel spectrogram ``[t, f]`` in dB of a row of the store.
    recordings: for every clip the rows of its instruments.
    ratings: standardised ``[clip, k]``.

    Yields:
        Batches of ``batch_size``; the last is filled up with clips drawn from the others.
    """
    order = rng.permutation(len(recordings))
    order = np.append(order, rng.choice(len(recordings), -len(recordings) % batch_size))
    for chosen in order.reshape(-1, batch_size):
        windows, num_frames = [], []
        for clip in chosen:
            log_mel = read_clip(int(rng.choice(recordings[clip])))
            start = random_start(len(log_mel), window_frames, rng)
            window, heard = cut_window(log_mel, start, window_frames, scale)
            mask_stretches(window[:heard], augmentation, rng)
            windows.append(window)
            num_frames.append(heard)
        batch = Batch(np.stack(windows), np.array(num_frames, dtype=np.int32), ratings[chosen])
        yield mix(batch, augmentation.mixup, rng) if augmentation.mixup > 0 else batch


def mask_stretches(window: np.ndarray, augmentation: Augmentation, rng: np.random.Generator) -> None:
    """Sets one stretch of frames and one of bands of a standardised window ``[t, f]`` to 0, in place."""
    for axis, share in ((0, augmentation.time_mask), (1, augmentation.mel_mask)):
        width = int(rng.integers(int(share * window.shape[axis]) + 1))
        start = int(rng.integers(window.shape[axis] - width + 1))
        np.moveaxis(window, axis, 0)[start : start + width] = 0.0


def mix(batch: Batch, alpha: float, rng: np.random.Generator) -> Batch:
    """Mixes every window and its ratings with another of the batch, the first one weighing more."""
    share = rng.beta(alpha, alpha, size=len(batch.ratings)).astype(np.float32)
    share = np.maximum(share, 1 - share)
    other = rng.permutation(len(share))
    x = share[:, None, None] * batch.spectrogram + (1 - share)[:, None, None] * batch.spectrogram[other]
    ratings = share[:, None] * batch.ratings + (1 - share)[:, None] * batch.ratings[other]
    return Batch(x, np.maximum(batch.num_frames, batch.num_frames[other]), ratings)
