"""How training windows are varied. By default their level is never touched: dimensions rate it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a window.

    time_mask, mel_mask: widest masked stretch, as a share of the clip's frames and of the bands; the
        stretch is set to the mean level (SpecAugment, arXiv 1904.08779).
    mixup: parameter of the Beta distribution that two clips are mixed by; 0 mixes none (arXiv 1710.09412).
    gain_db: largest change of a window's level, either way.
    """

    time_mask: float = 0.0
    mel_mask: float = 0.0
    mixup: float = 0.0
    gain_db: float = 0.0


def mask_stretches(window: np.ndarray, augmentation: Augmentation, rng: np.random.Generator) -> None:
    """Sets one stretch of frames and one of bands of a standardised window ``[t, f]`` to 0, in place."""
    for axis, share in ((0, augmentation.time_mask), (1, augmentation.mel_mask)):
        width = int(rng.integers(int(share * window.shape[axis]) + 1))
        start = int(rng.integers(window.shape[axis] - width + 1))
        np.moveaxis(window, axis, 0)[start : start + width] = 0.0


def draw_gain_db(augmentation: Augmentation, rng: np.random.Generator) -> float:
    """A change of level, evenly between ``-gain_db`` and ``gain_db``."""
    return float(rng.uniform(-augmentation.gain_db, augmentation.gain_db)) if augmentation.gain_db else 0.0


def mixing_weights(augmentation: Augmentation, batch_size: int, rng: np.random.Generator) -> np.ndarray:
    """Share of the first of two clips, float32 ``[b]``, at least one half; ones without mixup."""
    if not augmentation.mixup:
        return np.ones(batch_size, np.float32)
    drawn = rng.beta(augmentation.mixup, augmentation.mixup, batch_size)
    return np.maximum(drawn, 1.0 - drawn).astype(np.float32)
